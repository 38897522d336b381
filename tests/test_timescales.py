"""Times of autocorrelation: of processes with a known one, and of states that move."""

import numpy as np
import pytest
import torch

from fernn.evaluation import timescales
from fernn.evaluation.subject import Subject

SPEC = {"context": 2, "horizon": 8, "batch": 2}


def autoregressive(times, length=400, series=500):
    """Processes of first order with so many frames of memory: time, series, channel."""
    rng = np.random.default_rng(0)
    keep = np.exp(-1 / np.array(times))
    state, found = rng.standard_normal((series, len(times))), []
    for _ in range(length):
        found.append(state)
        noise = rng.standard_normal(state.shape)
        state = keep * state + np.sqrt(1 - keep**2) * noise
    return torch.from_numpy(np.stack(found))


def times(activity, last=40):
    sums = timescales.moments(activity, last)
    return timescales.crossing(timescales.correlation(sums).numpy())


@pytest.mark.law("evaluation/timescales")
def test_the_timescale_of_a_process_of_first_order_is_its_tau():
    taus = [2.0, 5.0, 12.0]
    found = times(autoregressive(taus))
    assert found == pytest.approx(taus, rel=0.05)


def test_an_offset_is_no_memory_and_a_constant_has_none_to_tell():
    noise = torch.from_numpy(np.random.default_rng(1).standard_normal((60, 200, 1)))
    assert times(noise + 5)[0] < 1
    assert np.isnan(times(torch.full((60, 200, 1), 5.0)))[0]


def test_what_does_not_fall_has_no_end():
    """Series that differ and never change: their correlation is 1 at every lag."""
    series = torch.linspace(-1, 1, 20, dtype=torch.float64)
    assert times(series.view(1, 20, 1).expand(60, 20, 1))[0] == np.inf


def test_the_crossing_by_hand():
    """From 0.5 to 0.1 past 1/e = 0.36788: 1 + 0.13212 / 0.4."""
    found = timescales.crossing(np.array([[1.0], [0.5], [0.1], [0.9], [0.0]]))
    assert found[0] == pytest.approx(1.33030, abs=1e-5)


def test_moments_of_recordings_add_up():
    activity = autoregressive([3.0], length=30, series=6)
    halves = timescales.moments(activity[:, :2], 5)
    halves += timescales.moments(activity[:, 2:], 5)
    assert torch.allclose(halves, timescales.moments(activity, 5))


def test_a_slot_that_moves_with_its_input_remembers_in_its_own_frame_alone(
    sequences, forecaster
):
    """A state that is moved and never fed again: constant in the frame of its slot."""

    def measured(speed):
        flow = {"kind": "translation", "velocities": [[0, speed]]}
        model = forecaster(flow=flow, execution="plain", hidden=1, decoder_layers=0)
        model.cell.conv_h.weight.data.zero_()[0, 0, 1, 1] = 1
        subject = Subject(None, None, sequences(sequences=3))
        subject.__dict__["model"] = model
        video = subject.sequences.video(0, 3, 10).double()
        video[:, 1:] = 0  # it sees one frame
        subject.sequences.video = lambda first, count, _: video[first : first + count]
        model.cell.conv_u.weight.data.abs_()  # which a ReLU lets through
        return timescales.measure(subject, SPEC)

    assert measured(2).autocorrelation.values == pytest.approx(1)
    found = measured(0)
    assert found.timescale.item() == np.inf and found.sizes["lag"] == 5


def test_activities_in_the_lab_would_have_forgotten(sequences):
    """The converse: the same moving picture, seen without its frame."""
    video = sequences(sequences=3).video(0, 3, 1)[:, 0, 0].double()
    moving = torch.stack([video.roll(2 * t, -1).flatten() for t in range(8)])
    assert times(moving[..., None], 4)[0] < 2
