"""The theorem of the paper, by slot and for whole roll-outs, with its converses."""

import pytest
import torch

from fernn.models import rollouts

EXACT = 1e-10  # in double precision
CLOSED = {"kind": "translation", "closed": True}
FLOW = {"kind": "translation", "max_speed": 2}
SINGLE = {"kind": "translation", "max_speed": 0}


def video(frames, size=7):
    generator = torch.Generator().manual_seed(1)
    return torch.rand(
        2, frames, 1, size, size, dtype=torch.float64, generator=generator
    )


def flowed(flow, frames, nu):
    """Frame t moved by t steps of the flow; frame 0 stays."""
    moved = [flow.act(frame, nu, t) for t, frame in enumerate(frames.unbind(1))]
    return torch.stack(moved, dim=1)


def error(found, expected):
    return ((found - expected).norm() / expected.norm()).item()


@pytest.mark.parametrize("execution", ["plain", "fused"])
@pytest.mark.parametrize("nu", [(0, 1), (1, 0), (1, -2)])
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.law("models/forecaster")
def test_flowing_the_input_permutes_the_slots(forecaster, execution, nu, activation):
    """h_t[ψ(ν̂) f](ν) = ψ_{t-1}(ν̂) h_t[f](ν - ν̂) wherever ν - ν̂ is in V."""
    model = forecaster(flow=FLOW, execution=execution, activation=activation)
    flow, frames = model.cell.flow, video(6)
    still = list(model.encode(frames))
    moving = list(model.encode(flowed(flow, frames, nu)))
    compared = 0
    for time in range(6):
        for slot, velocity in enumerate(flow.velocities):
            source = flow.difference(velocity, nu)
            if source is None:
                continue
            expected = flow.act(still[time][:, source], nu, time)
            assert error(moving[time][:, slot], expected) < EXACT
            compared += 1
    lost = 25 - (5 - abs(nu[0])) * (5 - abs(nu[1]))
    assert compared == 6 * (25 - lost) > 0


@pytest.mark.law("evaluation/equivariance_error")
def test_the_g_rnn_is_not_flow_equivariant(forecaster):
    """The converse: V = {0} follows a constant shift, but no flow."""
    model = forecaster(flow=SINGLE)
    flow, frames = model.cell.flow, video(6)
    state = list(model.encode(frames))[-1]
    shifted = list(model.encode(flow.act(frames, (0, 1))))[-1]
    assert error(shifted, flow.act(state, (0, 1))) < EXACT
    moving = list(model.encode(flowed(flow, frames, (0, 1))))[-1]
    assert error(moving, flow.act(state, (0, 1), 5)) > 0.05


def test_the_action_has_a_sign(forecaster):
    """The same comparison with the flow reversed fails, so the test can fail."""
    model = forecaster(flow=FLOW)
    flow, frames, nu = model.cell.flow, video(6), (0, 1)
    still = list(model.encode(frames))[-1]
    moving = list(model.encode(flowed(flow, frames, nu)))[-1]
    slot = flow.velocities.index((0, 1))
    source = flow.difference((0, 1), nu)
    assert error(moving[:, slot], flow.act(still[:, source], nu, -5)) > 0.05


@pytest.mark.parametrize("rollout", rollouts.kinds())
@pytest.mark.parametrize("pooling", ["max", "mean"])
@pytest.mark.law(
    "models/rollouts/repeat", "models/rollouts/shifted", "models/rollouts/warped"
)
def test_roll_outs_flow_on_a_closed_set(forecaster, rollout, pooling):
    """All but `repeat` are exact where V is closed."""
    model = forecaster(flow=CLOSED, rollout=rollout, pooling=pooling, size=5)
    flow, frames, nu = model.cell.flow, video(4, size=5), (1, -2)
    predicted = model(frames, 5)
    expected = [flow.act(f, nu, 4 + t) for t, f in enumerate(predicted.unbind(1))]
    found = error(model(flowed(flow, frames, nu), 5), torch.stack(expected, dim=1))
    assert (found < EXACT) == (rollout != "repeat")
    assert rollout != "repeat" or found > 1e-3


def test_the_co_moving_frame_is_the_same_network(forecaster):
    """Warp the input by -t ν, shift nothing, warp back: h(ν) = ψ_{t-1}(ν) h'(ν)."""
    model = forecaster(flow=FLOW, activation="tanh")
    cell, flow, frames = model.cell, model.cell.flow, video(6)
    lab = list(model.encode(frames))
    for slot, nu in enumerate(flow.velocities):
        state = torch.zeros_like(lab[0][:, 0])
        for time, frame in enumerate(frames.unbind(1)):
            drive = cell.conv_u(flow.act(frame, nu, -time))
            state = torch.tanh(cell.conv_h(state) + drive)
            assert error(flow.act(state, nu, time), lab[time][:, slot]) < EXACT


def test_only_a_constant_first_state_is_flow_equivariant(forecaster):
    model = forecaster(flow=FLOW)
    cell, flow, frames, nu = model.cell, model.cell.flow, video(3), (0, 1)

    def last(frames, first):
        state = first.expand(2, 25, 3, 7, 7)
        for frame in frames.unbind(1):
            state = cell(cell.lift(frame[:, None])[0], state)
        return state

    source, slot = flow.velocities.index((0, 0)), flow.velocities.index(nu)
    pattern = torch.rand(1, 1, 3, 7, 7, dtype=torch.float64)
    for first, exact in ((torch.ones_like(pattern), True), (pattern, False)):
        moving = last(flowed(flow, frames, nu), first)[:, slot]
        expected = flow.act(last(frames, first)[:, source], nu, 2)
        assert (error(moving, expected) < EXACT) == exact


@pytest.mark.law("models/rollouts/advect")
def test_advect_begins_as_free_and_has_the_period_of_the_torus(forecaster):
    """The first frame bit for bit; then every slot only flows, so frame S + 1 is 1."""
    models = {
        rollout: forecaster(flow=CLOSED, rollout=rollout, size=5)
        for rollout in ("advect", "free")
    }
    models["free"].load_state_dict(models["advect"].state_dict())
    frames = video(4, size=5)
    advected, free = (models[name](frames, 6) for name in ("advect", "free"))
    assert torch.equal(advected[:, 0], free[:, 0])
    assert torch.equal(advected[:, 5], advected[:, 0])
    assert error(free[:, 5], free[:, 0]) > 1e-3
    assert error(advected[:, 1], advected[:, 0]) > 1e-3
    still = forecaster(flow=SINGLE, rollout="advect")(video(4), 3)
    assert torch.equal(still[:, 2], still[:, 0])  # V = {0} has no motion
