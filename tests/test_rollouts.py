"""A corrected roll-out: its equation, its limits, its flow, and what it costs."""

import pytest
import torch

from labrun.errors import UserError

CLOSED = {"kind": "translation", "closed": True}
TRUNCATED = {"kind": "translation", "max_speed": 1}
EXACT = 1e-10  # in double precision


def corrected(every, by="prediction"):
    return {"kind": "corrected", "every": every, "by": by}


def video(frames=4, size=7):
    generator = torch.Generator().manual_seed(1)
    shape = 2, frames, 1, size, size
    return torch.rand(shape, dtype=torch.float64, generator=generator)


def apart(one, other):
    return ((one - other).norm() / other.norm()).item()


@pytest.mark.parametrize("execution", ["plain", "fused", "comoving"])
@pytest.mark.parametrize(
    ("by", "limit"), [("prediction", "shifted"), ("recurrence", "free")]
)
@pytest.mark.law("models/rollouts/corrected")
def test_it_lies_between_advect_and_a_correction_at_every_frame(
    forecaster, execution, by, limit
):
    """Bit for bit; and with corrections in between it is neither."""

    def predicted(rollout):
        return forecaster(rollout=rollout, execution=execution)(video(), 7)

    never, always = predicted("advect"), predicted(limit)
    assert torch.equal(predicted(corrected(1, by)), always)
    assert torch.equal(predicted(corrected(7, by)), never)
    between = predicted(corrected(3, by))
    assert torch.equal(between[:, :3], never[:, :3])
    assert all(apart(between[:, 3:], each[:, 3:]) > 1e-3 for each in (never, always))


@pytest.mark.parametrize("by", ["prediction", "recurrence"])
def test_its_corrections_are_steps_of_the_cell(forecaster, by):
    """The equation, written out for a correction after two frames."""
    model = forecaster(rollout=corrected(2, by), execution="plain")
    cell, frames = model.cell, video()
    *_, state = model.encode(frames)
    first, second, third, _ = model(frames, 4).unbind(1)
    moved = cell.move(state)
    torch.testing.assert_close(model.decode(moved), first, rtol=0, atol=1e-14)
    again = model.decode(cell.move(moved))
    torch.testing.assert_close(again, second, rtol=0, atol=1e-14)
    if by == "prediction":
        fed = second.clamp(0, 1)
        after = cell(cell.lift(fed[:, None])[0], moved)
    else:
        after = cell(None, moved)
        sizes = (each.flatten(1).norm(dim=1) for each in (state, after))
        kept, grown = (size[:, None, None, None, None] for size in sizes)
        after = after * kept / grown
    expected = model.decode(cell.move(after))
    torch.testing.assert_close(third, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("by", ["prediction", "recurrence"])
@pytest.mark.parametrize(("flow", "exact"), [(CLOSED, True), (TRUNCATED, False)])
def test_it_flows_if_v_is_closed_and_not_if_v_is_truncated(forecaster, by, flow, exact):
    model = forecaster(flow=flow, size=5, rollout=corrected(2, by))
    action, nu = model.cell.flow, (1, -1)
    frames = video(size=5)
    moving = [action.act(frame, nu, t) for t, frame in enumerate(frames.unbind(1))]
    flowed = [
        action.act(frame, nu, 4 + t)
        for t, frame in enumerate(model(frames, 5).unbind(1))
    ]
    found = apart(model(torch.stack(moving, 1), 5), torch.stack(flowed, 1))
    assert (found < EXACT) == exact and (exact or found > 1e-3)


def test_advect_and_a_rarer_correction_cost_fewer_steps_of_the_cell(forecaster):
    """Of eight frames; the four observed ones take four steps in any."""
    steps = {}
    for name, rollout in {
        "free": "free",
        "shifted": "shifted",
        "every 2": corrected(2),
        "every 3": corrected(3, "recurrence"),
        "advect": "advect",
    }.items():
        model, calls = forecaster(rollout=rollout, execution="plain"), []
        model.cell.register_forward_hook(lambda *call, calls=calls: calls.append(1))
        model(video(), 8)
        steps[name] = len(calls) - 4
    assert steps == {"free": 7, "shifted": 7, "every 2": 3, "every 3": 2, "advect": 0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": 0}, "every must be positive, got 0"),
        ({"by": "predictions"}, "no by 'predictions'; did you mean 'prediction'"),
        ({"evry": 2}, "did you mean 'every'"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_wrong_options_are_refused_with_the_value(forecaster, options, message):
    with pytest.raises(UserError, match=message):
        forecaster(rollout={"kind": "corrected", **options})
