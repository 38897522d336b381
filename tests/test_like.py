"""A budget like another one has all its sizes, but for those that it gives itself."""

import json

import pytest

from copied import ROOT
from fernn.config.check import checked
from fernn.config.positions import merge, read
from labrun.errors import UserError

SHIPPED = read(ROOT / "config.yaml")


@pytest.fixture
def made(tmp_path):
    """The configuration with a second file on top of the shipped one."""

    def made(text):
        file = tmp_path / "mine.yaml"
        file.write_text(text)
        sources = [SHIPPED, read(file)]
        return checked(merge(sources), sources)

    return made


@pytest.fixture
def told(made, tmp_path):
    """The lines told of it, files by their names."""

    def told(text):
        with pytest.raises(UserError) as caught:
            made(text)
        lines = str(caught.value).replace(f"{tmp_path}/", "").replace(f"{ROOT}/", "")
        return lines.splitlines()

    return told


def test_mappings_are_merged_and_all_else_is_replaced(made):
    mine = "{ like: demo, seeds: [7], epochs: 3, sizes: { actions: { epochs: 4 } } }"
    budgets = made(f"budgets: {{ mine: {mine} }}").budgets
    one, other = (budgets[name].model_dump() for name in ("demo", "mine"))
    assert (other["seeds"], other["epochs"], other["like"]) == ([7], 3, "demo")
    assert other["sizes"]["actions"]["epochs"] == 4
    for changed in ("seeds", "epochs", "like"):
        del one[changed], other[changed]
    one["sizes"]["actions"]["epochs"] = 4
    assert one == other


def test_a_chain_is_inherited_and_changes_none_of_its_links(made):
    text = (
        "budgets: { a: { like: b, batch: 4 }, b: { like: demo, batch: 2, epochs: 5 } }"
    )
    budgets = made(text).budgets
    assert [budgets[n].batch for n in ("a", "b", "demo")] == [4, 2, 4]
    assert [budgets[n].epochs for n in ("a", "b", "demo")] == [5, 5, 7]


def test_an_unknown_name_and_a_circle_are_told_and_nothing_that_follows(told):
    text = "budget: heir\nbudgets:\n  mine: { like: dmo }\n  heir: { like: mine }\n"
    assert told(text) == [
        "mine.yaml:3:11: budgets.mine.like: no budget 'dmo'; did you mean 'demo'?"
    ]
    circle = "budgets:\n  a: { like: b }\n  b: { like: a }\n  c: { like: b }\n"
    assert told(circle) == [
        "mine.yaml:2:8: budgets.a.like: budgets inherit in a circle: a, b, a",
        "mine.yaml:3:8: budgets.b.like: budgets inherit in a circle: b, a, b",
    ]
    assert told("budgets: { a: { like: [demo] } }") == [
        "mine.yaml:1:17: budgets.a.like: must be text, got ['demo']"
    ]
    assert "source: is missing" in told("budgets: { a: { epochs: 3 } }")[0]


def test_a_mistake_is_told_where_it_is_written(told):
    """What is inherited from a wrong budget is told once."""
    wrong = "budgets:\n  demo: { epochs: 0 }\n  mine: { like: demo, batch: 0 }\n"
    assert told(wrong) == [
        "mine.yaml:2:11: budgets.demo.epochs: must be at least 1, got 0",
        "mine.yaml:3:23: budgets.mine.batch: must be at least 1, got 0",
    ]
    (line,) = told("budgets: { mine: { like: demo, batch: 500 } }")
    text = (ROOT / "config.yaml").read_text().splitlines()
    place, message = line.split(": ", 1)
    assert text[int(place.split(":")[1]) - 1] == "    sequences: 200"
    assert (
        message == "budgets.mine.sequences: an epoch of 200 is less than a batch, 500"
    )


def test_editors_accept_a_budget_that_is_like_another():
    jsonschema = pytest.importorskip("jsonschema")
    schema = json.loads((ROOT / "workflow/schemas/config.schema.json").read_text())
    content = merge([SHIPPED])
    content["budgets"]["mine"] = {"like": "demo", "epochs": 3}
    jsonschema.validate(content, schema)
    del content["budgets"]["mine"]["like"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, schema)
