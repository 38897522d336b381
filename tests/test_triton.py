"""The kernel for GPUs, run as Python on the processor, computes what the others do."""

import pytest
import torch

from fernn import models
from fernn.cells import FusedCell
from fernn.cells.flow_equivariant import triton
from fernn.cells.flow_equivariant._gather import opposite
from fernn.cells.flow_equivariant.triton import TritonCell
from fernn.flows.translation import Translation, square
from labrun.errors import UserError

UNEVEN = [(0, 0), (2, -1), (1, 3), (-9, 0)]


@pytest.mark.parametrize("drives", [None, 1, "each"])
@pytest.mark.parametrize(
    ("velocities", "size", "kernel", "hidden"),
    [(square(2), 5, 3, 3), (UNEVEN, 7, 5, 20), ([(0, 0)], 6, 1, 70)],
)
def test_a_step_and_its_gradients_are_those_of_fused(
    velocities, size, kernel, hidden, drives
):
    """Blocks that images, channels and slots do not fill, and kernels of any side."""
    flow = Translation(velocities, size)
    torch.manual_seed(0)
    fused, fast = (
        kind(flow, hidden=hidden, kernel=kernel).double()
        for kind in (FusedCell, TritonCell)
    )
    fast.load_state_dict(fused.state_dict())
    slots = len(velocities)
    state = torch.randn(3, slots, hidden, size, size, dtype=torch.float64)
    drive = None
    if drives:
        drive = torch.randn_like(state[:, : 1 if drives == 1 else slots])
    expected, found = (gradients(cell, drive, state) for cell in (fused, fast))
    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(other, one, rtol=1e-12, atol=1e-12)
        assert one.abs().max() > 0
    if slots > 1:  # the other way it is another step
        back = TritonCell(
            Translation(opposite(velocities), size), hidden=hidden, kernel=kernel
        )
        back.double().load_state_dict(fused.state_dict())
        assert not torch.allclose(back(drive, state), found[0])


def gradients(cell, drive, state):
    """The next state, its maximum, and the gradients of both."""
    inputs = [
        tensor.requires_grad_() for tensor in (state, drive) if tensor is not None
    ]
    stepped, maximum = cell.forward_with_maximum(drive, state, 1)
    loss = stepped.square().sum() + maximum.pow(3).sum()
    wanted = [*inputs, cell.conv_h.weight]
    return [stepped.detach(), maximum.detach(), *torch.autograd.grad(loss, wanted)]


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_a_forecaster_in_single_and_in_half_precision(activation):
    """float16 stands for bfloat16, which numpy does not know."""
    spec = {
        "kind": "forecaster",
        "flow": {"kind": "translation", "max_speed": 1},
        "hidden": 4,
        "decoder_layers": 0,
        "activation": activation,
        "rollout": "repeat",
    }
    video = torch.rand(2, 3, 1, 5, 5)

    def made(execution):
        torch.manual_seed(0)
        model = models.build({**spec, "execution": execution}, 5)
        predicted = model(video, 2)
        weights = list(model.parameters())
        return [predicted.detach(), *torch.autograd.grad(predicted.sum(), weights)]

    exact, single = made("plain"), made("triton")
    with torch.autocast("cpu", torch.float16):
        half = made("triton")
    assert half[0].dtype == torch.float16 and half[1].dtype == torch.float32
    for true, near, rough in zip(exact, single, half, strict=True):
        torch.testing.assert_close(near, true, rtol=1e-5, atol=1e-6)
        assert 1e-5 < (rough.float() - true).norm() / true.norm() < 2e-2


def test_not_a_number_stays(monkeypatch):
    cell = TritonCell(Translation([(0, 1)], 4), hidden=2)
    state = torch.zeros(1, 1, 2, 4, 4)
    state[0, 0, 0, 1, 1] = torch.nan
    assert cell(None, state).isnan().sum() == 2 * 9
    monkeypatch.delenv("TRITON_INTERPRET")
    with pytest.raises(UserError, match="'triton' needs a GPU; use execution 'fused'"):
        cell(None, state)
    monkeypatch.setattr(triton, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="needs the package: pip install triton"):
        cell(None, state)


@pytest.mark.parametrize(
    ("velocities", "size", "hidden"),
    [
        (square(2), 5, 3),
        (UNEVEN, 7, 20),
        (square(1), (4, 9), 16),
    ],
)
def test_maxima_of_moved_states_are_those_of_torch(velocities, size, hidden):
    """Forward and backward; ties, of which a rectified state has many, share."""
    cell = FusedCell(Translation(velocities, size), hidden=hidden).double()
    torch.manual_seed(0)
    shape = 2, len(velocities), hidden, *cell.flow.torus
    state = torch.randn(shape, dtype=torch.float64).relu().requires_grad_()
    steps = [1, 2, 3, 9]
    expected = torch.stack(cell.moved_maxima(state, 4, steps))
    found = torch.stack(triton.moved_maxima(state, cell.flow, steps))
    assert torch.equal(found, expected)
    weight = torch.randn_like(found)
    ours, theirs = (
        torch.autograd.grad((maxima * weight).sum(), state)[0]
        for maxima in (found, expected)
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)
    backwards = torch.stack(triton.moved_maxima(state, cell.flow, [-1, -2, -3, -9]))
    assert not torch.allclose(backwards, found)


def test_more_ties_than_a_byte_counts_share():
    """256 zeros at one pixel, each with a 256th of the gradient."""
    from fernn.cells.flow_equivariant.triton._maxima import MovedMaxima

    state = torch.zeros(1, 256, 1, 1, 1, dtype=torch.float64, requires_grad=True)
    velocities = torch.zeros(256, 2, dtype=torch.int32)
    steps = torch.ones(1, dtype=torch.int32)
    MovedMaxima.apply(state, velocities, steps).sum().backward()
    assert state.grad.unique().tolist() == [1 / 256]
