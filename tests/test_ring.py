"""Whether constraints find the symmetry that is broken: on a ring.

The first four pixels are dark in predicted frames, or none are. A model that commutes
with shifts of the ring cannot know where; the relaxation `readout` can.
"""

import functools

import pytest
import torch

import ring
from fernn import models
from fernn.training import strategies
from fernn.training.loop import train
from fernn.training.settings import settings

pytestmark = pytest.mark.minutes
RELAXATIONS = ["shift", "kernel", "readout"]


@functools.cache
def trained(strategy, dark, seed=0):
    """The records of a training; its validation errors are those of what is kept."""
    torch.manual_seed(seed)
    spec = {**ring.MODEL} | ({"relaxations": RELAXATIONS} if strategy else {})
    model = models.build(spec, (1, ring.PIXELS))
    chosen = settings({**ring.TRAINING, "strategy": strategy}, seed)
    made = strategies.build(model, chosen)
    own = ring.Ring(0, chosen.sequences, dark, seed)
    held_out = ring.Ring(1, 256, dark, seed)
    return train(model, own, held_out, chosen, strategy=made)[0]


def told(record, quantity):
    """The sizes of a quantity, by relaxation."""
    return {name: abs(record[f"{quantity}_{name}"]) for name in RELAXATIONS}


def test_of_a_symmetry_that_the_data_have_nothing_is_left():
    *_, before, last = trained("ace", dark=0)
    for record in (before, last):
        assert max(told(record, "gamma").values()) < 0.03
    assert told(last, "lambda")["readout"] < 1e-3
    assert last["validation_error"] == pytest.approx(last["train_loss"], rel=0.3)


def test_equality_names_the_symmetry_that_is_broken():
    last = trained("ace", dark=4)[-1]
    found = told(last, "lambda")
    assert found.pop("readout") > 3 * max(found.values())


def test_the_resilient_form_keeps_what_breaks_it_and_drops_the_rest():
    last = trained("resilient_ace", dark=4)[-1]
    found = told(last, "gamma")
    assert found.pop("readout") > 2 * max(found.values())
    strict = trained("ace", dark=4)[-1]["validation_error"]
    assert last["validation_error"] < 0.7 * strict
