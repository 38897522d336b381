"""Small files that stages hand on: damage is one line, and the file is set aside."""

import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fernn import checkpoint
from fernn.cli import main
from fernn.training.settings import settings as settings_of
from labrun.errors import Damaged, UserError
from labrun.rolling_states import RollingStates, pack
from labrun.storage import read_json, write_bytes, write_json

RECORD = {"params": {"learning_rate": 0.01}, "slot": 3, "trials": [1.5, "nan", None]}
SPEC = {
    "model": {
        "kind": "forecaster",
        "flow": {"kind": "translation", "max_speed": 0},
        "hidden": 2,
        "decoder_layers": 0,
    },
    "frame_size": 5,
}
DAMAGE = {
    "cut": lambda content: content[: len(content) // 2],
    "emptied": lambda content: b"",
    "zeroed": lambda content: bytes(len(content)),
    "a digit": lambda content: content.replace(b"0.01", b"0.02"),
    "binary": lambda content: b"\xff" + content,
    "a list": lambda content: b"[1]",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_record_is_set_aside_by_the_command(
    damage, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    best = tmp_path / "results/best.json"
    write_json(RECORD, best)
    best.write_bytes(DAMAGE[damage](best.read_bytes()))
    data = ["--train", "a.nc", "--val", "b.nc", "--atlas", "c.nc"]
    given = ["--model", "{}", "--training", "{}", "--best", "results/best.json"]
    assert main(["train", *data, *given, "--output", "results/model.pt"]) == 2
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "best.json is damaged: " in told
    assert "set aside as best.json.damaged" in told and not best.exists()


def test_a_record_without_a_checksum_is_of_an_earlier_version(tmp_path):
    (tmp_path / "old.json").write_text(json.dumps(RECORD))
    assert read_json(tmp_path / "old.json", params=dict) == RECORD
    write_json(RECORD, tmp_path / "new.json")
    assert read_json(tmp_path / "new.json", params=dict) == RECORD
    with pytest.raises(Damaged, match="its params is missing or of another kind"):
        read_json(tmp_path / "new.json", params=list)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(data=st.data())
def test_any_flip_is_noticed(data, tmp_path_factory):
    path = tmp_path_factory.mktemp("flip") / "record.json"
    write_json(RECORD, path)
    content = bytearray(path.read_bytes())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(
        st.integers(1, 255)
    )
    path.write_bytes(content)
    try:
        found = read_json(path)
    except Damaged:
        return
    # A flip in a space, or in the name of the checksum, leaves the rest as it was.
    assert {key: found[key] for key in RECORD} == RECORD


def saved(path, content):
    packed, digest = pack(content)
    write_bytes(packed, path)
    write_json(
        {"lineage": {}, "sha256": digest, "spec": SPEC}, checkpoint.sidecar(path)
    )


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ([1, 2], "holds no model"),
        ({"weights": {}}, "holds no model"),
        ({"weights": {}, "spec": SPEC}, "its weights fit no model"),
        ({"weights": {}, "spec": {"model": SPEC["model"]}}, "fit no model"),
    ],
)
def test_a_checkpoint_that_holds_something_else(content, told, tmp_path):
    saved(tmp_path / "model.pt", content)
    with pytest.raises(UserError, match=told) as caught:
        checkpoint.load(tmp_path / "model.pt")
    assert "\n" not in str(caught.value)


def test_weights_that_are_no_numbers_are_told(tmp_path, capsys):
    from fernn import models

    weights = models.build(SPEC["model"], 5).state_dict()
    saved(tmp_path / "model.pt", {"weights": weights, "spec": SPEC})
    checkpoint.load(tmp_path / "model.pt")
    assert "not finite" not in capsys.readouterr().err
    weights["cell.conv_h.weight"][0, 0, 0] = torch.nan
    saved(tmp_path / "model.pt", {"weights": weights, "spec": SPEC})
    checkpoint.load(tmp_path / "model.pt")
    assert "3 of 72 weights are not finite" in capsys.readouterr().err


def test_a_damaged_sidecar_damages_the_checkpoint(tmp_path):
    saved(tmp_path / "model.pt", {})
    checkpoint.sidecar(tmp_path / "model.pt").write_bytes(b"{")
    with pytest.raises(Damaged, match=r"model\.pt is damaged: its sidecar") as caught:
        checkpoint.describe(tmp_path / "model.pt")
    assert caught.value.path == tmp_path / "model.pt"


def test_a_checksum_of_strange_bytes_damages_its_state(tmp_path, capsys):
    states = RollingStates(tmp_path, {"a": 1})
    for step in (1, 2):
        states.save({"step": step}, {})
    (tmp_path / "state-000000002.sha256").write_bytes(b"\x80\xff")
    assert states.load()[0]["step"] == 1
    assert "state-000000002.pt is damaged" in capsys.readouterr().err


GOOD = {"batch": 4, "sequences": 8, "epochs": 1, "context": 3, "horizon": 2}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"learning_rate": float("nan")}, "learning_rate must be a number above 0"),
        ({"learning_rate": -1}, "got -1"),
        ({"learning_rate": 0}, "got 0"),
        ({"learning_rate": True}, "got True"),
        ({"learning_rate": "0.01"}, "got '0.01'"),
        ({"learning_rate": None}, "got None"),
        ({"clip": "a"}, "clip must be a number above 0, got 'a'"),
        ({"batch": "8"}, "batch must be a whole number from 1"),
        ({"batch": 0}, "got 0"),
        ({"epochs": 1.5}, "epochs must be a whole number"),
        ({"context": 10**6}, "a sequence has at most 10000 frames"),
        ({"long_horizon": 1, "extend_horizon": True}, "at least the horizon, 2, got 1"),
    ],
)
def test_settings_that_are_no_numbers_of_their_kind(change, told):
    assert settings_of(GOOD, 0).steps == 2
    with pytest.raises(UserError, match=told):
        settings_of({**GOOD, **change}, 0)


def test_a_seed_that_no_generator_takes():
    with pytest.raises(UserError, match="seed must be a whole number from 0"):
        settings_of(GOOD, 2**64)


def test_a_folder_that_cannot_be_written(tmp_path, monkeypatch, capsys):
    def refuse(*args):
        raise PermissionError(13, "Permission denied", "results/.model.pt.lease")

    monkeypatch.setattr("fernn.cli.hold", refuse)
    data = ["--train", "a.nc", "--val", "b.nc", "--atlas", "c.nc"]
    given = ["--model", "{}", "--training", "{}", "--output", "results/model.pt"]
    assert main(["train", *data, *given]) == 2
    assert capsys.readouterr().err == (
        "fernn: results/.model.pt.lease: permission denied\n"
    )
