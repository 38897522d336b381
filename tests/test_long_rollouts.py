"""A forecast of any horizon holds no more than one of a few frames."""

import gc

import pytest
import torch

from fernn.models import rollouts
from fernn.models.persistence import Persistence

STEPS = (10, 60)  # the first beyond a period of the torus, whose shifts are kept


def held(frames) -> list[int]:
    """The elements of all new tensors that are alive after each of some steps."""
    gc.freeze()  # what was there before is not counted
    try:
        return [alive() for step, _ in enumerate(frames, start=1) if step in STEPS]
    finally:
        gc.unfreeze()


def alive() -> int:
    found = (o for o in gc.get_objects() if issubclass(type(o), torch.Tensor))
    storages = {each.untyped_storage().data_ptr(): each.numel() for each in found}
    return sum(storages.values())


@pytest.mark.parametrize("kind", rollouts.kinds())
def test_a_roll_out_holds_as_much_after_many_frames_as_after_few(forecaster, kind):
    model, video = forecaster(rollout=kind), torch.rand(2, 4, 1, 7, 7).double()
    with torch.no_grad():
        few, many = held(model.predict(video, STEPS[-1]))
    assert few == many


@pytest.mark.parametrize("motion", ["still", "estimated", "oracle"])
def test_so_does_a_copy(motion):
    video, velocity = torch.rand(2, 4, 1, 7, 7), torch.ones(2, 1, 2).long()
    few, many = held(Persistence(motion).predict(video, STEPS[-1], velocity))
    assert few == many


def test_frames_that_are_kept_would_be_noticed(forecaster):
    model, video, kept = forecaster(), torch.rand(2, 4, 1, 7, 7).double(), []
    with torch.no_grad():
        frames = (kept.append(frame) for frame in model.predict(video, STEPS[-1]))
        few, many = held(frames)
    assert many - few >= (STEPS[-1] - STEPS[0]) * 2 * 49
