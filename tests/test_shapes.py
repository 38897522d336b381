"""Operations counted without numbers are those that torch counts and infers itself."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from fernn import models, shapes
from fernn.shapes import Shapes

SPECS = [
    {
        "kind": "forecaster",
        "hidden": 2,
        "flow": {"kind": "translation", "max_speed": 1},
    },
    {"kind": "convlstm", "hidden": 2},
]


def step(spec, batch):
    """A training step on `meta` of a model that is built anew."""
    with torch.device("meta"):
        model = models.build(spec, 4)
        predicted = model(torch.rand(batch, 2, 1, 4, 4), 3)
        predicted.square().mean().backward()
    return {name: weight.grad for name, weight in model.named_parameters()}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec["kind"])
def test_a_step_is_counted_as_torch_counts_it(spec):
    """The second time no shape is inferred; other shapes are others."""
    expected = {}
    for batch in (1, 3):
        with FlopCounterMode(display=False) as counter:
            step(spec, batch)
        expected[batch] = counter.get_total_flops()
    for batch in (1, 3, 1, 3):
        with Shapes() as counted:
            grads = step(spec, batch)
        assert counted.flop == expected[batch]
        assert all(grad.device.type == "meta" for grad in grads.values())
    assert expected[3] > expected[1]


def test_what_is_known_is_not_inferred_again(monkeypatch):
    inferred, computed = [], shapes._computed

    def observed(func, *rest):
        inferred.append(func)
        return computed(func, *rest)

    monkeypatch.setattr(shapes, "_computed", observed)
    for batch, expected in ((2, True), (2, False), (5, True)):
        inferred.clear()
        with Shapes():
            step(SPECS[0], batch)
        assert (torch.ops.aten.convolution.default in inferred) == expected


def test_numbers_and_their_types_are_told_apart():
    with torch.device("meta"), Shapes():
        whole = [torch.full((2,), value) for value in (1, 1.0, True)]
        ones = torch.ones(2, 3)
        assert ones.t().relu().stride() == (1, 3)  # that of its argument
        assert ones.add_(1) is ones
    assert [each.dtype for each in whole] == [torch.int64, torch.float32, torch.bool]


def test_numbers_are_computed():
    with Shapes() as counted:
        assert (torch.ones(2, 3) @ torch.ones(3, 2)).tolist() == [[3, 3], [3, 3]]
        assert (torch.ones(2, 3) @ torch.full((3, 2), 2.0)).sum() == 24
    assert counted.flop == 2 * 2 * 12
