"""Strategies on two devices, two processes here: the same as on one, or refused."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import continued
import shared
from fernn import models
from fernn.training import strategies
from fernn.training.loop import train
from fernn.training.settings import settings
from fernn.training.strategies.guidance import Guidance
from labrun.errors import UserError
from labrun.storage import write_dataset

PAN = {"kind": "classifier", "flow": continued.FLOW, "hidden": 3, "classes": 2}


class Halves(Guidance):
    """Aligned in each half of the batch; the first half is told."""

    def __init__(self, whole):
        self.__dict__ = whole.__dict__

    def penalty(self, network, seen, output, target):
        found = [
            super(Halves, self).penalty(network, (half,), output, target)
            for half in reversed(seen[0].chunk(2))
        ]
        return sum(found) / 2


def alike(one, two):
    """Whether two trainings are the same but for the order of sums.

    The parts of relaxations are told of the last piece, of which each device has one.
    """
    weights = [
        torch.allclose(two[1][name], weight, rtol=1e-3, atol=1e-5)
        for name, weight in one[1].items()
    ]
    records = [
        first[name] == pytest.approx(second[name], rel=1e-3)
        for first, second in zip(one[0], two[0], strict=True)
        for name in first
        if not name.startswith("part_")
    ]
    return all(weights) and all(records)


def test_two_devices_train_as_one(tmp_path, atlas, recipe):
    """All in one pair of processes; alignments of `guidance` are of each half."""
    write_dataset(atlas, tmp_path / "atlas.nc")
    for split in ("train", "val"):
        write_dataset(recipe(split=split, pool=split), tmp_path / f"{split}.nc")
    script = Path(shared.__file__)
    command = [sys.executable, str(script), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    two = torch.load(tmp_path / "two.pt")
    own = {"guidance": Halves}
    different = [
        name
        for name in shared.CASES
        if not alike(shared.trained(name, tmp_path, 1, own.get(name)), two[name])
    ]
    assert different == []
    assert not alike(shared.trained("guidance", tmp_path, 1), two["guidance"])


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
