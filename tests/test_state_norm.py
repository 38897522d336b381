"""Norms of states: hand-worked numbers, and laws with their converse."""

import numpy as np
import pytest
import torch

from fernn.evaluation import state_norm
from fernn.evaluation.subject import Subject
from labrun.errors import UserError

SPEC = {"context": 3, "horizon": 5, "batch": 2}
CLOSED = {"kind": "pan", "closed": True}
SINGLE = {"kind": "pan", "max_speed": 0}


@pytest.fixture
def measured(sequences, forecaster):
    def measure(change=lambda model: None, **changes):
        subject = Subject(None, None, sequences(sequences=3))
        subject.__dict__["model"] = forecaster(**changes)
        subject.__dict__["sequences"].video = _double(subject.sequences.video)
        change(subject.model)
        return state_norm.measure(subject, SPEC), subject

    return measure


def _double(video):
    return lambda *args: video(*args).double()


def test_the_numbers_are_those_of_the_states_that_an_encoder_has(measured):
    found, subject = measured(rollout="free")
    video = subject.sequences.video(0, 3, 8)
    states = list(subject.model.encode(video))
    for time in (1, 4, 7):
        state = states[time - 1].detach()
        now = found.sel(run="driven", time=time)
        assert now.norm.values == pytest.approx(state.flatten(1).norm(dim=1).numpy())
        energy = state.square().sum((1, 3, 4))
        share = (energy.amax(1) / energy.sum(1)).numpy()
        assert now.channel_share.values == pytest.approx(share)
        slots = state.flatten(2).norm(dim=2).mean(0).numpy()
        assert now.slot_norm.values.ravel() == pytest.approx(slots)
        forecast = subject.model(video[:, :time], 1)[:, 0].detach()
        error = (forecast - video[:, time]).square().mean((1, 2, 3)).numpy()
        assert now.squared_error.values == pytest.approx(error)


@pytest.mark.parametrize("rollout", ["free", "shifted", "repeat", "advect"])
def test_both_runs_are_one_where_the_roll_out_begins(measured, rollout):
    found, _ = measured(rollout=rollout)
    driven, rolled = (found.sel(run=run) for run in ("driven", "rollout"))
    for name in ("norm", "channel_share", "squared_error"):
        assert (driven[name].sel(time=3) == rolled[name].sel(time=3)).all()
        assert rolled[name].sel(time=slice(1, 2)).isnull().all()
        assert driven[name].notnull().all()
    assert (driven.norm.sel(time=5) != rolled.norm.sel(time=5)).all()


def test_a_free_roll_out_keeps_the_norm_and_one_that_feeds_does_not(measured):
    def spread(rollout):
        norm = measured(rollout=rollout)[0].norm.sel(run="rollout").dropna("time")
        return float((norm.max("time") / norm.min("time") - 1).max())

    assert spread("free") < 1e-12
    assert spread("shifted") > 1e-3


@pytest.mark.law("evaluation/state_norm")
def test_a_cell_that_only_adds_and_sees_equal_frames_has_a_norm_that_grows_linearly(
    measured,
):
    """One slot, no recurrence but the identity: h_t is t times the lifted frame."""

    def identity(model):
        model.cell.conv_h.weight.data.zero_()
        for channel in range(3):
            model.cell.conv_h.weight.data[channel, channel, 1, 1] = 1

    still = {"flow": SINGLE, "execution": "plain"}
    _, subject = measured(identity, **still)
    video = subject.sequences.video(0, 3, 8)[:, :1].repeat(1, 8, 1, 1, 1)
    subject.sequences.video = lambda first, count, _: video[first : first + count]
    norm = state_norm.measure(subject, SPEC).norm.sel(run="driven")
    ratio = (norm / norm.sel(time=1)).values
    assert ratio == pytest.approx(np.broadcast_to(np.arange(1, 8), ratio.shape))


def test_a_flow_permutes_the_norms_of_slots_if_v_is_closed(measured):
    def slots(flow, by):
        found, subject = measured(flow=flow)
        video, shift = subject.sequences.video(0, 3, 8), subject.model.cell.flow.act
        frames = [shift(f, (0, by), t) for t, f in enumerate(video.unbind(1))]
        moved = torch.stack(frames, 1)
        subject.sequences.video = lambda first, count, _: moved[first : first + count]
        found = state_norm.measure(subject, SPEC).slot_norm.sel(run="driven")
        return found.squeeze("slot_rows").transpose("time", "slot_columns").values

    assert np.allclose(slots(CLOSED, 2), np.roll(slots(CLOSED, 0), 2, 1), rtol=1e-12)
    assert not np.allclose(slots(SINGLE, 2), slots(SINGLE, 0), rtol=1e-2)


def test_a_model_without_a_state_is_refused(sequences):
    subject = Subject(None, {"kind": "persistence", "motion": "still"}, sequences())
    with pytest.raises(UserError, match="needs a forecaster that rolls out a state"):
        state_norm.measure(subject, SPEC)
