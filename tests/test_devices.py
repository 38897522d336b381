"""A batch may be cut among devices, or for want of memory: the training is the same."""

import json
import os
import subprocess
import sys

import pytest
import torch

from fernn import checkpoint, models
from fernn.devices import within_memory
from fernn.training.loop import train
from fernn.training.settings import settings
from labrun.storage import write_dataset

MODEL = {
    "kind": "forecaster",
    "flow": {"kind": "translation", "max_speed": 1},
    "hidden": 3,
    "decoder_layers": 0,
}
SPEC = {
    "batch": 6,
    "sequences": 24,
    "epochs": 2,
    "context": 3,
    "horizon": 2,
    "learning_rate": 0.01,
}


def test_pieces_are_halved_until_they_fit(capsys):
    tried = []

    def work(size):
        tried.append(size)
        if size > 3:
            raise torch.OutOfMemoryError
        return "done"

    assert within_memory(13, work, "batches of 13") == ("done", 2)
    assert tried == [13, 7, 4, 2]
    assert "batches of 13 in pieces of 2 from now on" in capsys.readouterr().err
    tried.clear()
    assert within_memory(3, work, "") == ("done", 3) and tried == [3]
    with pytest.raises(torch.OutOfMemoryError):
        within_memory(8, lambda size: work(99), "")


@pytest.fixture
def run(sequences, monkeypatch):
    """Train; `fits` sequences are in memory at once, and what was tried is told."""

    def start(fits=6, **changes):
        torch.manual_seed(0)
        model, told = models.build(MODEL, size=7), []
        forward = model.forward

        def limited(video, horizon):
            if len(video) > fits:
                raise torch.OutOfMemoryError
            return forward(video, horizon)

        model.forward = limited
        splits = [sequences(split=s, pool=s) for s in ("train", "val")]
        chosen = settings({**SPEC, **changes}, seed=0)
        records, _ = train(model, *splits, chosen, on_step=told.append)
        return records, told

    return start


def test_out_of_memory_keeps_the_effective_batch(run):
    whole, all_fit = run()
    cut, told = run(fits=2)
    assert {step["micro_batch"] for step in all_fit} == {6}
    assert {step["micro_batch"] for step in told} == {2}
    for one, other in zip(whole, cut, strict=True):
        assert one["train_loss"] == pytest.approx(other["train_loss"], rel=1e-5)
        assert one["validation_error"] == pytest.approx(
            other["validation_error"], rel=1e-4
        )
    smaller, _ = run(batch=2)  # another effective batch is another training
    assert smaller[-1]["train_loss"] != pytest.approx(whole[-1]["train_loss"], rel=1e-3)


@pytest.fixture
def command(tmp_path, atlas, recipe):
    """`fernn train` on files of the tiny data."""
    write_dataset(atlas, tmp_path / "atlas.nc")
    for split in ("train", "val"):
        made = recipe(split=split, pool=split)
        write_dataset(made, tmp_path / f"{split}.nc")

    def start(name, *extra):
        arguments = [f"--{s}={tmp_path / s}.nc" for s in ("train", "val", "atlas")]
        arguments += [f"--model={json.dumps(MODEL)}", f"--training={json.dumps(SPEC)}"]
        output = tmp_path / name / "model.pt"
        arguments += [*extra, f"--output={output}"]
        done = subprocess.run(
            [sys.executable, "-m", "fernn", "train", *arguments],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        return done, output

    return start


def test_two_devices_train_as_one(command):
    """Two processes share each batch; one spool, one checkpoint, the same weights."""
    one, alone = command("one")
    two, shared = command("two", "--devices=2")
    assert one.returncode == two.returncode == 0, two.stderr
    first, second = (checkpoint.load(path).state_dict() for path in (alone, shared))
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=1e-3, atol=1e-5)
    (spool,) = shared.parent.glob("*.events.jsonl")
    assert spool.read_text().count('"event": "run"') == 1


def test_devices_that_cannot_share_a_batch_are_refused(command):
    done, _ = command("four", "--devices=4")
    assert done.returncode == 2
    assert "fernn: --devices 4 cannot share a batch of 6 equally" in done.stderr
