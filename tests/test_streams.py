"""A training whose standard error cannot be written goes on to its end."""

import json
import subprocess
import sys

import pytest

from labrun.storage import write_dataset


@pytest.fixture
def training(tmp_path, atlas, recipe):
    """The command of a training of a few steps."""
    write_dataset(atlas, tmp_path / "atlas.nc")
    for split in ("train", "val"):
        write_dataset(recipe(split=split, pool=split), tmp_path / f"{split}.nc")
    model = {"kind": "forecaster", "flow": {"kind": "translation", "max_speed": 1}}
    model |= {"hidden": 2, "decoder_layers": 0}
    steps = {"batch": 4, "sequences": 8, "epochs": 2, "context": 3, "horizon": 2}
    words = ["train", "--train", "train.nc", "--val", "val.nc", "--atlas", "atlas.nc"]
    words += ["--model", f"'{json.dumps(model)}'"]
    words += ["--training", f"'{json.dumps(steps)}'", "--output", "model.pt"]
    return " ".join([sys.executable, "-m", "fernn", *words])


@pytest.mark.parametrize("streams", ["2>/dev/full", "<&- >&- 2>&-", "2> >(exit 0)"])
def test_a_training_ends_well(training, tmp_path, streams):
    done = subprocess.run(["bash", "-c", f"{training} {streams}"], cwd=tmp_path)
    assert done.returncode == 0
    assert (tmp_path / "model.pt").exists() and (tmp_path / "history.nc").exists()
