"""Generalised teacher forcing: its limits, its schedules, its flow, its Jacobians."""

import pytest
import torch

from continued import MODEL, SPEC, made, require_same_bits, run
from fernn.models import _forced
from fernn.models._forced import Forcing
from fernn.training import tasks
from fernn.training.settings import settings
from fernn.training.strategies._adaptive import Adaptive, spectral_norm
from labrun.errors import UserError

CLOSED = {"kind": "translation", "closed": True}
SHIFTED = {**MODEL, "rollout": "shifted"}
FREE = {**MODEL, "rollout": "free"}
ADAPTIVE = {"kind": "forcing", "schedule": "adaptive", "every": 2}


@pytest.fixture
def splits(sequences):
    return [sequences(split=name, pool=name) for name in ("train", "val")]


def video(frames, size=7):
    draw = torch.Generator().manual_seed(1)
    return torch.rand((2, frames, 1, size, size), dtype=torch.float64, generator=draw)


def forced(model, frames, context, share, what):
    """Predictions of all frames after the context."""
    ahead = frames.shape[1] - context
    shares = torch.full((len(frames), ahead - 1), share)
    forcing = Forcing(frames[:, context:], shares, what)
    return model(frames[:, :context], ahead, forcing)


@pytest.mark.parametrize(
    ("rollout", "what"),
    [
        ("shifted", "frame"),
        ("warped", "frame"),
        ("shifted", "state"),
        ("free", "state"),
    ],
)
def test_nothing_forced_is_the_plain_roll_out(forecaster, rollout, what):
    model, frames = forecaster(rollout=rollout), video(7)
    plain = torch.stack([*model.predict(frames[:, :3], 4)], 1)
    assert torch.equal(forced(model, frames, 3, 0.0, what), plain)
    half = forced(model, frames, 3, 0.5, what)
    assert torch.equal(half[:, 0], plain[:, 0])  # before anything is forced
    assert not torch.equal(half[:, -1], plain[:, -1])


@pytest.mark.law("training/strategies/forcing")
def test_all_forced_is_teacher_forcing(forecaster):
    """Every prediction is the first one after all true frames before it."""
    frames = video(7)
    model = forecaster(rollout="shifted")
    first = torch.stack(
        [next(model.predict(frames[:, :n], 1)) for n in (3, 4, 5, 6)], 1
    )
    found = forced(model, frames, 3, 1.0, "frame")
    torch.testing.assert_close(found, first, rtol=0, atol=1e-14)
    # A roll-out that is fed nothing steps from each true state without its frame.
    model = forecaster(rollout="free")
    found = forced(model, frames, 3, 1.0, "state")
    for step in (2, 3):
        both = [*model.predict(frames[:, : 2 + step], 2)]
        torch.testing.assert_close(found[:, step], both[1], rtol=0, atol=1e-12)


@pytest.mark.parametrize(("rollout", "what"), [("shifted", "frame"), ("free", "state")])
def test_a_forced_roll_out_flows(forecaster, rollout, what):
    """With one share for all slots, for a closed V."""
    assert apart(forecaster, rollout, what) < 1e-10


def test_a_share_of_each_slot_would_not_flow(forecaster, monkeypatch):
    draw = torch.Generator().manual_seed(0)
    weight = torch.rand((25, 1, 1, 1), dtype=torch.float64, generator=draw)
    monkeypatch.setattr(_forced, "mixed", lambda a, b, _: torch.lerp(a, b, weight))
    assert apart(forecaster, "free", "state") > 1e-3


def apart(forecaster, rollout, what):
    model, frames, nu = (
        forecaster(flow=CLOSED, size=5, rollout=rollout),
        video(6, 5),
        (1, 2),
    )
    act = model.cell.flow.act

    def flowed(clip, first):
        return torch.stack(
            [act(f, nu, t) for t, f in enumerate(clip.unbind(1), first)], 1
        )

    moving = forced(model, flowed(frames, 0), 3, 0.3, what)
    expected = flowed(forced(model, frames, 3, 0.3, what), 3)
    return ((moving - expected).norm() / expected.norm()).item()


@pytest.mark.parametrize(
    ("schedule", "shares"),
    [
        ("none", [0, 0, 0, 0]),
        ("full", [1, 1, 1, 1]),
        ("constant", [0.25, 0.25, 0.25, 0.25]),
        ("linear", [1, 0.5, 0, 0]),
        ("reverse", [0, 0.5, 1, 1]),
    ],
)
def test_schedules_by_hand(schedule, shares):
    """Of 12 steps; half of them until the last value."""
    spec = {"kind": "forcing", "schedule": schedule, "share": 0.25, "stop": 0.5}
    *_, way = made(spec, SHIFTED)
    assert [way.share(step) for step in (0, 3, 6, 9)] == shares


def test_draws_are_of_the_step_and_the_sequence_in_any_piece(splits):
    spec = {"kind": "forcing", "schedule": "sampled"}
    *_, way = made(spec, SHIFTED, horizon=6)

    def shares(step, first, count):
        _, task = way.source(step, splits[0], tasks.of(splits[0]))
        return task.batch(splits[0], first, count, 3, 6, 0)[0][2].shares

    whole = shares(5, 0, 12)
    assert torch.equal(shares(5, 8, 4), whole[8:])
    assert {*whole.unique().tolist()} == {0.0, 1.0}
    assert not torch.equal(shares(6, 0, 12), whole)
    assert shares(0, 0, 12).eq(1).all() and shares(12, 0, 12).eq(0).all()


def test_the_norm_of_a_jacobian_is_its_largest_singular_value():
    """Of h' = A tanh(h), by the singular values of A diag(1 - tanh² h)."""
    draw = torch.Generator().manual_seed(0)
    matrix, state, start = (
        torch.randn(shape, dtype=torch.float64, generator=draw)
        for shape in ((6, 6), (2, 6), (2, 6))
    )
    found = spectral_norm(lambda h: h.tanh() @ matrix.T, state, start, iterations=60)
    jacobians = matrix * (1 - state.tanh().square())[:, None]
    expected = torch.linalg.matrix_norm(jacobians, 2)
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=0)


@pytest.mark.parametrize("rollout", ["shifted", "free"])
def test_a_closed_loop_is_a_step_of_the_roll_out(forecaster, rollout):
    model, frames = forecaster(rollout=rollout), video(3)
    *_, state = model.states(frames)
    *_, (carry, _) = model.trajectory(frames, 2)
    assert torch.equal(_forced.closed_loop(model, state, 3), carry.state)


def test_an_adapted_share_rises_at_once_and_falls_slowly():
    """h' = 1.5 h: gradients (1.5 (1 - α))^T stay bounded from α = 1/3 on."""
    adaptive = Adaptive(None, settings({**SPEC, "epochs": 10}, 0), every=6)  # of 30
    adaptive.share = 0.0
    adaptive.update(1.5)
    assert adaptive.share == pytest.approx(1 / 3)
    assert (1.5 * (1 - adaptive.share)) ** 50 == pytest.approx(1)
    adaptive.update(0.5)
    assert adaptive.share == pytest.approx(0.36787944 / 3)  # γ = e⁻¹, α* = 0


@pytest.mark.parametrize(
    ("strategy", "model"),
    [
        ({"kind": "forcing", "schedule": "sampled"}, SHIFTED),
        ({**ADAPTIVE, "what": "state"}, FREE),
    ],
)
def test_a_stopped_forcing_continues(splits, tmp_path, strategy, model):
    """Between estimates, at one, and at an epoch's end."""
    stops, how = (3, 4, 6), {"model": model, "horizon": 4}
    whole = require_same_bits(strategy, splits, tmp_path, stops, **how)
    other = run(None, splits, **how)
    assert other[0][-1]["train_loss"] != whole[0][-1]["train_loss"]


@pytest.mark.parametrize(
    ("strategy", "model", "message"),
    [
        ("forcing", FREE, "roll-out free feeds no frame; force the state"),
        ("forcing", {**MODEL, "rollout": "advect"}, "advect hands no new state"),
        ("forcing", {"kind": "convlstm", "hidden": 2}, "a ConvLstm cannot be forced"),
        (ADAPTIVE, {**MODEL, "rollout": "warped"}, "is fed the last observed frame"),
        ({"kind": "forcing", "share": 2.0}, SHIFTED, "share must be from 0 to 1"),
        ({"kind": "forcing", "schedule": "linar"}, SHIFTED, "did you mean 'linear'"),
    ],
)
def test_a_wrong_forcing_is_refused(strategy, model, message):
    with pytest.raises(UserError, match=message):
        made(strategy, model)
