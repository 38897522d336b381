"""The options of a kind are the arguments of its entry function, as Python has them."""

from typing import Annotated, TypedDict, Unpack

import pytest

import fernn.models
from fernn import data
from fernn.config import options
from labrun import modules

SPLIT = {"frames": 2, "sequences": 1, "seed": 0, "draw": "sampled", "pool": "train"}
SPLIT |= {"split": "train"}

MODULE = """
from __future__ import annotations
from typing import Annotated, Any, Literal
from labrun.modules import Kind

HIDDEN = 8
Motion = Literal["swing", "spin"]  # an option that another kind has, with other choices
Sizes = list[int]

def build(
    size: int,
    motion: Motion,
    hidden: int = HIDDEN,
    sizes: Sizes | None = None,
    path: Annotated[dict, Kind("data/motions")] | None = None,
    schema: float = 2.0**-1,
) -> Any:
    return None
"""


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A kind of model in one file elsewhere."""
    (tmp_path / "pendulum.py").write_text(MODULE)
    (tmp_path / "no_model.py").write_text("HIDDEN = 8\n")
    (tmp_path / "_private.py").write_text(MODULE)
    paths = [*fernn.models.__path__, str(tmp_path)]
    monkeypatch.setattr(fernn.models, "__path__", paths)
    return "pendulum"


def told(**spec):
    problems = options.check("models", {"kind": "pendulum", **spec}, (), ["size"])
    return {".".join(map(str, each.path)): each.message for each in problems}


def test_what_the_signature_admits_is_right(toy):
    given = {"motion": "spin", "hidden": 3, "sizes": [1], "schema": 1}
    assert told(motion="swing") == told(**given) == {}
    assert told(motion="swing", path={"kind": "collide", "reach": 3}, sizes=None) == {}


@pytest.mark.parametrize(
    ("given", "place", "message"),
    [
        ({"motion": "spn"}, "motion", "no motion 'spn'; did you mean 'spin'?"),
        ({"motion": "oracle"}, "motion", "no motion 'oracle'; known: spin, swing"),
        ({}, "motion", "is missing"),
        ({"hiden": 3}, "hiden", "pendulum has no option 'hiden'; did you mean 'hidden"),
        ({"size": 3}, "size", "pendulum has no option 'size'"),
        ({"hidden": "3"}, "hidden", "must be a whole number, got '3'"),
        ({"hidden": True}, "hidden", "must be a whole number, got True"),
        ({"sizes": [1, "x"]}, "sizes.1", "must be a whole number, got 'x'"),
        ({"path": {"kind": "colide"}}, "path.kind", "no 'colide' in motions; did you"),
        ({"path": "glide"}, "path", "must be a mapping, such as { kind: glide }"),
        ({"path": {"kind": "glide", "reach": 1}}, "path.reach", "glide has no option"),
    ],
)
def test_what_it_does_not_admit_is_one_problem_with_its_place(
    toy, given, place, message
):
    others = {"motion": "spin"} if given and "motion" not in given else {}
    found = told(**others, **given)
    assert list(found) == [place] and found[place].startswith(message)


def test_constants_and_defaults_are_the_values_that_python_has(toy):
    assert options.default("models", toy, "hidden") == 8
    assert options.default("models", toy, "schema") == 0.5
    assert options.default("models", toy, "motion") is None
    assert options.constant("models", toy, "HIDDEN") == 8
    assert options.constant("models", toy, "WIDTH") is None
    assert options.names("models", toy)[:3] == ["size", "motion", "hidden"]


@pytest.mark.parametrize(
    "name", ["no_model", "_private", "absent", "os.path", "", [[]]]
)
def test_a_module_without_the_entry_is_no_kind(toy, name):
    assert options.exists("models", toy) and toy in options.kinds("models")
    assert not options.exists("models", name)
    assert name not in options.kinds("models")
    assert options.constant("models", name, "HIDDEN") is None
    (problem,) = options.check("models", {"kind": name}, ("models", "a"))
    assert problem.path == ("models", "a", "kind") and "in models; " in problem.message


class Shared(TypedDict):
    context: int
    frames: Annotated[int, "at least one"]


def shares(size: int, *, hidden: int = 3, **rest: Unpack[Shared]) -> None: ...


def takes_anything(size: int, *, hidden: int = 3, **rest: int) -> None: ...


def test_the_keys_of_a_shared_mapping_are_arguments_by_name():
    found = modules.arguments(shares)
    assert [*found] == ["size", "context", "frames", "hidden"]
    assert found["frames"].annotation == Annotated[int, "at least one"]
    assert [*modules.keywords(shares)] == ["context", "frames", "hidden"]
    assert [*modules.keywords(takes_anything)] == ["hidden"]
    with pytest.raises(TypeError, match="unexpected: frame_sise, frame_size"):
        data.specified("dots", {**SPLIT, "frame_sise": 3})
    assert [*data.specified("dots", {**SPLIT, "frame_size": 3}, own=1)][-1] == "own"


def test_a_shared_option_has_its_own_type_also_if_the_mapping_has_its_name():
    spec = {"kind": "flowing_digits", "digits": 1, "max_speed": 1, "frame_size": 16}
    assert [*options.check("data", {**spec, **SPLIT}, (), ["atlas"])] == []
    (problem,) = options.check("data", {**spec, **SPLIT, "split": 3}, (), ["atlas"])
    assert problem.path == ("split",) and "must be text" in problem.message
