"""A torus needs no square: what holds on one holds on 12×20 pixels."""

import pytest
import torch

from fernn import flows, models
from fernn.cells.flow_equivariant import executions
from fernn.flows.translation import Translation
from labrun.errors import UserError

SIZE = 12, 20
UNEVEN = [[0, 0], [2, -1], [1, 3], [-3, 0], [5, 9]]


def build(size=SIZE, velocities=UNEVEN, **options):
    torch.manual_seed(0)
    flow = {"kind": "translation", "velocities": velocities}
    spec = {"kind": "forecaster", "flow": flow, "hidden": 3, "decoder_layers": 1}
    return models.build({**spec, **options}, size).double()


def video(frames=4, size=SIZE):
    draw = torch.Generator().manual_seed(1)
    return torch.rand(2, frames, 1, *size, dtype=torch.float64, generator=draw)


def flowed(flow, frames, nu):
    moved = [flow.act(frame, nu, t) for t, frame in enumerate(frames.unbind(1))]
    return torch.stack(moved, dim=1)


def with_gradients(model, frames):
    predicted = model(frames, 3)
    loss = predicted.square().sum()
    return [predicted.detach(), *torch.autograd.grad(loss, list(model.parameters()))]


@pytest.mark.parametrize("rollout", ["free", "warped"])
@pytest.mark.parametrize("execution", ["comoving", "fused"])
def test_every_execution_is_the_plain_form(execution, rollout):
    plain, fast = (
        build(execution=name, rollout=rollout) for name in ("plain", execution)
    )
    for expected, found in zip(
        with_gradients(plain, video()), with_gradients(fast, video()), strict=True
    ):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)
        assert expected.abs().max() > 0


def test_the_kernel_for_accelerators_is_the_plain_form():
    size = 4, 6
    plain, fast = (
        build(size, UNEVEN[:3], execution=name, rollout="repeat")
        for name in ("plain", "triton")
    )
    for expected, found in zip(
        with_gradients(plain, video(2, size)),
        with_gradients(fast, video(2, size)),
        strict=True,
    ):
        torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("execution", ["plain", "comoving", "fused"])
@pytest.mark.parametrize("nu", [(1, -2), (0, 1)])
def test_flowing_the_input_permutes_the_slots(execution, nu):
    """With slots of 12×20 velocities: beyond 12 rows they begin anew, not beyond 20."""
    apart = [(0, 0), nu, (11, 19), (-1, 1), (11 - nu[0], 19 - nu[1])]
    velocities = list(dict.fromkeys((r % 12, c % 20) for r, c in apart))
    model = build(velocities=velocities, execution=execution)
    flow, frames = model.cell.flow, video(6)
    still = list(model.encode(frames))
    moving = list(model.encode(flowed(flow, frames, nu)))
    compared = 0
    for time, (one, other) in enumerate(zip(still, moving, strict=True)):
        for slot, velocity in enumerate(flow.velocities):
            source = flow.difference(velocity, nu)
            if source is None:
                continue
            expected = flow.act(one[:, source], nu, time)
            assert (other[:, slot] - expected).abs().max() < 1e-12
            wrong = flow.act(one[:, source], nu, time + 1)
            assert (other[:, slot] - wrong).abs().max() > 1e-3
            compared += 1
    assert compared >= 12


@pytest.mark.parametrize("rollout", ["warped", "shifted", "free"])
def test_roll_outs_flow_on_a_closed_set(rollout):
    """V is the whole of a torus of 3×5 pixels."""
    torch.manual_seed(0)
    flow = {"kind": "translation", "closed": True}
    spec = {"kind": "forecaster", "flow": flow, "hidden": 3, "decoder_layers": 0}
    model = models.build({**spec, "rollout": rollout, "execution": "fused"}, (3, 5))
    model, frames = model.double(), video(4, (3, 5))
    torus, nu = model.cell.flow, (2, 4)
    still, moving = model(frames, 4), model(flowed(torus, frames, nu), 4)
    for ahead in range(4):
        expected = torus.act(still[:, ahead], nu, 4 + ahead)
        assert (moving[:, ahead] - expected).abs().max() < 1e-12
        assert (moving[:, ahead] - still[:, ahead]).abs().max() > 1e-4


def test_each_axis_has_its_own_period():
    flow = Translation([(0, 0), (3, 0), (0, 2)], (5, 3))
    assert flow.torus == (5, 3) and flow.size == (5, 3)
    assert flow.difference((3, 0), (8, 3)) == 0
    assert flow.difference((3, 0), (6, 5)) is None
    closed = flows.build({"kind": "translation", "closed": True}, SIZE)
    assert len(closed.velocities) == 240
    pan = flows.build({"kind": "pan", "closed": True}, SIZE)
    assert pan.velocities == tuple((0, column) for column in range(20))
    square = flows.build({"kind": "pan", "closed": True}, (7, 7))
    assert isinstance(square, Translation) and square.size == 7


@pytest.mark.parametrize("execution", executions()[1:])
def test_the_other_way_up_is_another_torus(execution):
    model = build(execution=execution)
    with pytest.raises(
        UserError, match="frames are 20×12 pixels, the flow's torus 12×20"
    ):
        model(video(size=SIZE[::-1]), 2)
