"""The models of Moving KTH as published: strides, learned kernels, parameters."""

import pytest
import torch

from fernn import models
from fernn.config.operations import Step, count

SQUARE = {"kind": "translation", "max_speed": 2}
STAGES = [(16, 8, 32), (32, 8, 16), (32, 8, 16), (64, 8, 8), (64, 8, 8)]
PASSES = [2, 3, 3, 3, 3]  # forward, and backward to the weights and to the input


def conv3d(**changes):
    return models.build({"kind": "conv3d", **changes}, 32)


@pytest.mark.parametrize("boundary", ["zero", "circular"])
def test_stages_stride_once_in_time_and_twice_in_space(boundary):
    model, seen = conv3d(boundary=boundary), []
    for stage in model.stages:
        stage.register_forward_hook(lambda *told: seen.append(told[-1].shape[1:]))
    model(torch.rand(2, 16, 1, 32, 32))
    assert [tuple(shape) for shape in seen] == [(c, t, s, s) for c, t, s in STAGES]
    assert models.parameters(model) == 208_598


@pytest.mark.parametrize(
    ("size", "frames", "fewer", "sides"),
    [(32, 16, 8, (32, 16, 16, 8, 8)), (5, 3, 2, (5, 3, 3, 2, 2))],
)
def test_operations_of_the_stages_by_hand(size, frames, fewer, sides):
    inputs, outputs = (1, 16, 32, 32, 64), (16, 32, 32, 64, 64)
    stages = zip(PASSES, inputs, outputs, sides, strict=True)
    by_hand = sum(p * 27 * i * o * fewer * side**2 for p, i, o, side in stages)
    found = count({"kind": "conv3d", "hidden": 128}, Step(size, frames))
    assert found == pytest.approx(by_hand, rel=1e-12)
    if size == 32:  # 0.17 G forward; the first stage lacks one pass
        assert by_hand == 3 * 173_408_256 - 27 * 16 * 8 * 32**2


def test_each_learned_kernel_is_drawn_by_itself():
    """25 weights of a standard deviation of 1/5: the norm of a shift, 1, on average."""
    torch.manual_seed(0)
    spec = {"kind": "classifier", "flow": SQUARE, "shifts": "learned", "hidden": 8}
    kernels = [models.build(spec, 32).cell.shift.weight.detach() for _ in range(20)]
    assert kernels[0].shape == (25, 1, 5, 5)
    weights = torch.stack(kernels).flatten(2)  # 500 kernels
    assert weights.std().item() == pytest.approx(0.2, rel=0.03)
    assert weights.square().sum(-1).mean().item() == pytest.approx(1, rel=0.05)
    together = (2 / 625) ** 0.5  # all as one kernel, with the gain of a ReLU
    assert together == pytest.approx(0.057, abs=1e-3)  # so L2 0.28, not 1
    line = {**spec, "flow": {"kind": "pan", "max_speed": 1}}
    three = torch.stack([models.build(line, 32).cell.shift.weight for _ in range(200)])
    assert three.std().item() == pytest.approx(1 / 3, rel=0.05)
