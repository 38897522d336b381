"""Strategies on two devices, two processes here: the same as on one, or refused."""

import json
import subprocess
import sys

import pytest
import torch

import continued
from fernn import checkpoint, models
from fernn.training import strategies
from fernn.training.loop import train
from fernn.training.settings import settings
from labrun.errors import UserError
from labrun.storage import read_dataset, write_dataset

HEADS = {"kind": "multi_frame", "consistency": 0.1}
PRUNED = {"kind": "pruned", "begin": 0.25}
NOISY = {"kind": "noise_aware", "weight_noise": 0.05, "bits": 8}
STAGES = {"kind": "curriculum", "horizons": [1, 2]}
FORCED = {"kind": "forcing", "what": "state", "schedule": "linear"}
PAN = {"kind": "classifier", "flow": continued.FLOW, "hidden": 3, "classes": 2}


@pytest.mark.parametrize(
    "strategy",
    [
        [STAGES, HEADS, PRUNED],
        pytest.param([NOISY], marks=pytest.mark.minutes),
        pytest.param([FORCED], marks=pytest.mark.minutes),
    ],
    ids=str,
)
def test_two_devices_train_as_one(tmp_path, atlas, recipe, strategy):
    write_dataset(atlas, tmp_path / "atlas.nc")
    given = [f"--atlas={tmp_path / 'atlas.nc'}"]
    given += [f"--model={json.dumps(continued.MODEL)}"]
    for split in ("train", "val"):
        write_dataset(recipe(split=split, pool=split), tmp_path / f"{split}.nc")
        given.append(f"--{split}={tmp_path / split}.nc")
    training = {**continued.SPEC, "epochs": 2, "strategy": strategy}
    for count in (1, 2):
        output = tmp_path / str(count) / "model.pt"
        own = [f"--training={json.dumps(training)}", f"--devices={count}"]
        command = [sys.executable, "-m", "fernn", "train", *given, *own]
        command += [f"--output={output}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
    one, two = (checkpoint.load(tmp_path / f"{n}/model.pt") for n in (1, 2))
    weights = one.state_dict()
    for name, weight in two.state_dict().items():
        torch.testing.assert_close(weight, weights[name], rtol=1e-3, atol=1e-5)
    one, two = (read_dataset(tmp_path / f"{n}/history.nc") for n in (1, 2))
    for name in {*one.data_vars}:
        assert one[name].values == pytest.approx(two[name].values, rel=1e-3)


@pytest.mark.parametrize(
    ("model", "strategy", "message"),
    [
        (PAN, "self_pretrain", "self_pretrain trains the head in the second phase"),
        (
            {"kind": "transformer", "hidden": 4, "halting": "act", "patch": 1},
            "ponder",
            "ponder trains the halting from a later step on alone; use one device",
        ),
    ],
)
def test_what_leaves_weights_without_a_gradient_is_refused(
    sequences, model, strategy, message
):
    built = models.build(model, size=7)
    chosen = settings({**continued.SPEC, "strategy": strategy}, seed=0)
    way = strategies.build(built, chosen)
    splits = [sequences(split=name, pool=name) for name in ("train", "val")]
    with pytest.raises(UserError, match=message):
        train(built, *splits, chosen, strategy=way, devices=2)
