"""Strange values in small records without a checksum: lines, and never a traceback."""

import contextlib
import io
import json

import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from attacks.test_records import SPEC, saved
from fernn import checkpoint, models
from fernn.cli import main
from labrun.errors import UserError
from labrun.tuning import batch

RANGES = {"learning_rate": {"low": 1e-4, "high": 1.0, "log": True}}
TRIAL = {
    "slot": 0,
    "params": {"learning_rate": 0.01},
    "ranges": RANGES,
    "errors": [0.5, "nan", 0.4],
    "failure": "",
}
WORKER = {"journal": "", "lineage": {}, "slots": [0]}
ROUND = {"ranges": RANGES, "round": 0, "slots": {"0": {"learning_rate": 0.01}}}
BEST = {"params": {"learning_rate": 0.01}, "slot": 0}
SEARCH = json.dumps({"trials": 2, "ranges": RANGES, "first": []})
WHOLE = {"batch": 4, "sequences": 4, "epochs": 1, "context": 3, "horizon": 2}
WHOLE |= {"learning_rate": 0.01}
DATA = ["--train", "a.nc", "--val", "b.nc", "--atlas", "c.nc"]
DATA += ["--model", json.dumps(SPEC["model"])]
GIVEN = ["--training", '{"learning_rate": 0.01}']
COMMANDS = {
    "ask": (TRIAL, [*GIVEN, "--tuning", SEARCH, "--round", "1", "--size", "1"]),
    "select": (TRIAL, ["--trials", "1"]),
    "select of workers": (WORKER, ["--trials", "1"]),
    "trial": (ROUND, [*DATA, *GIVEN, "--study", "s", "--slot", "0"]),
    "train": (BEST, [*DATA, *GIVEN]),
}
OPTION = {"trial": "--asked", "train": "--best"}

odd = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([0, -1, 2**70, 0.5, float("nan"), float("inf"), "", "nan", "a"]),
    st.sampled_from([[], {}, [1], [[]], {"a": 1}, [None]]),
)


def places(record, path=()):
    """The path of every value."""
    pairs = record.items() if isinstance(record, dict) else ()
    pairs = enumerate(record) if isinstance(record, list) else pairs
    for key, value in pairs:
        yield (*path, key)
        yield from places(value, (*path, key))


def changed(record, path, value):
    """A copy with another value at a place; without it for `...`."""
    copy = dict(record) if isinstance(record, dict) else list(record)
    if len(path) > 1:
        copy[path[0]] = changed(record[path[0]], path[1:], value)
    elif value is ...:
        del copy[path[0]]
    else:
        copy[path[0]] = value
    return copy


def changes(record):
    """Records with one value replaced or left out."""
    return st.builds(
        lambda path, value: changed(record, path, value),
        st.sampled_from([*places(record)]),
        st.one_of(st.just(...), odd),
    )


@pytest.mark.parametrize("name", COMMANDS)
@settings(derandomize=True, deadline=None, max_examples=80, database=None)
@given(data=st.data())
def test_a_strange_record_is_told_in_a_line(name, data, tmp_path_factory):
    """The data of `trial` and `train` are missing, which is a line too."""
    (record, given), command = COMMANDS[name], name.split()[0]
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "a.json").write_text(json.dumps(data.draw(changes(record))))
    option = OPTION.get(command, "--results")
    read = [option, str(folder / "a.json"), "--output", str(folder / "made")]
    said = io.StringIO()
    with contextlib.chdir(folder), contextlib.redirect_stderr(said):
        code = main([command, *given, *read])
    lines = said.getvalue().splitlines()
    warned = all(line.startswith("fernn: warning: ") for line in lines)
    assert (code == 0 and warned) or (code == 2 and len(lines) >= 1), lines
    assert all(line.startswith("fernn: ") for line in lines)


def test_a_result_is_read_as_it_was_written(tmp_path):
    """The converse: nothing that a trial writes is refused."""
    (tmp_path / "a.json").write_text(json.dumps(TRIAL))
    found = batch.read(tmp_path / "a.json")
    assert found.value == 0.4 and found.params == TRIAL["params"]
    diverged = {**TRIAL, "errors": [], "failure": "the loss is nan"}
    (tmp_path / "a.json").write_text(json.dumps(diverged))
    assert batch.read(tmp_path / "a.json").value == float("inf")


@settings(derandomize=True, deadline=None, max_examples=80, database=None)
@given(spec=changes(SPEC))
@example(spec={"model": {**SPEC["model"], "kind": None}, "frame_size": 5})
@example(spec={**SPEC, "frame_size": 2**70})
@example(spec=3)
def test_a_strange_specification_is_refused_or_builds_a_model(spec, tmp_path_factory):
    path = tmp_path_factory.mktemp("fuzz") / "model.pt"
    weights = models.build(SPEC["model"], 5).state_dict()
    saved(path, {"weights": weights, "spec": spec})
    try:
        model = checkpoint.load(path)
    except UserError as error:
        assert str(error)
        return
    assert isinstance(model, torch.nn.Module)


@pytest.mark.parametrize("weights", [None, 3, "a", [], [[1, 2]]])
def test_weights_of_another_kind_are_refused(weights, tmp_path):
    saved(tmp_path / "model.pt", {"weights": weights, "spec": SPEC})
    with pytest.raises(UserError, match="holds no model"):
        checkpoint.load(tmp_path / "model.pt")


@pytest.mark.parametrize("name", ["train", "trial", "tune"])
def test_missing_data_are_named(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "asked.json").write_text(json.dumps(ROUND))
    own = {"trial": ["--asked", "asked.json", "--slot", "0", "--study", "s"]}
    own["tune"] = ["--tuning", SEARCH, "--study", "s"]
    command = [name, *DATA, *GIVEN, *own.get(name, []), "--output", "made"]
    command[command.index("--training") + 1] = json.dumps(WHOLE)
    assert main(command) == 2
    assert capsys.readouterr().err == "fernn: no such file: a.nc\n"
