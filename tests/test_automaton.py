"""Automata over velocities: a path by hand, and an n-gram that reads them."""

import numpy as np
import pytest
import torch

from fernn import flows, models
from fernn.data import motions
from fernn.data.motions import Room
from fernn.models.ngram import NGram, registered
from labrun.errors import UserError


def motion(states, dwell=1, frames=60, size=12):
    room = Room(size, (4, 4), 1, 1, frames)
    return motions.build({"kind": "automaton", "states": states, "dwell": dwell}, room)


def paths(states, dwell=1, samples=50, frames=60):
    made = motion(states, dwell, frames)
    words = np.random.default_rng(0).integers(
        0, 2**32, (samples, 1, made.changes + 2, 2), np.uint64
    )
    start, speed = made.offsets(words[:, :, 0]), made.velocities(words[:, :, 1])
    return made.path(start, speed, made.draw_changes(words[:, :, 2:]), frames)[:, 0]


def test_a_path_by_hand():
    """States 0, 1, 2 of speeds 1, 0, -1; edges 0 → 2, 2 → 1, 1 → 0; two frames each."""
    change = np.array([[0, 0], [0, -1], [0, 2], [0, 0], [0, 1]])[None, None]
    speed = np.array([[[0, 1]]])
    path = motion(3, dwell=2).path(0 * speed, speed, change, 8)
    assert np.diff(path[0, 0, :, 1]).tolist() == [1, 1, -1, -1, 0, 0, 1]


def test_one_state_is_a_straight_line_and_several_repeat():
    assert (np.diff(paths(1), n=2, axis=1) == 0).all()
    steps = np.diff(paths(4), axis=1)
    assert (steps[:, 1:] != steps[:, :-1]).any()
    late = steps[:, 8:]
    periods = [(late[:, k:] == late[:, :-k]).all((1, 2)) for k in range(1, 5)]
    assert np.any(periods, axis=0).all()


def film(path, size=12, seed=0):
    draw = torch.Generator().manual_seed(seed)
    image = torch.zeros(1, size, size)
    image[:, :4, :4] = torch.rand(1, 4, 4, generator=draw)
    frames = [torch.roll(image, tuple(p), (1, 2)) for p in path.tolist()]
    return torch.stack(frames)


def test_an_n_gram_forecasts_a_period_that_it_has_seen_and_no_shorter_one():
    path = np.cumsum([[0, 0], *([[0, 1], [1, 0], [0, 1], [-1, -1]] * 5)], axis=0)
    video = film(path)[None]
    found = torch.stack([*NGram(4).predict(video[:, :14], 7)], dim=1)
    torch.testing.assert_close(found, video[:, 14:21])
    short = torch.stack([*NGram(2).predict(video[:, :14], 7)], dim=1)
    assert not torch.allclose(short, video[:, 14:21])


@pytest.mark.law("models/ngram")
def test_its_forecasts_flow_by_any_velocity():
    """Windows that move are registered by other shifts; the copies flow."""
    flow = flows.build({"kind": "translation", "max_speed": 1}, 12)
    video = film(paths(3, samples=1)[0])[None, :20]
    still = [*NGram(3).predict(video, 4)]
    for nu in ((1, -1), (4, 5)):  # the second is in no small V
        moved = [flow.act(f, nu, t) for t, f in enumerate(video.unbind(1))]
        found = [*NGram(3).predict(torch.stack(moved, dim=1), 4)]
        for ahead, (one, other) in enumerate(zip(still, found, strict=True)):
            torch.testing.assert_close(other, flow.act(one, nu, 20 + ahead))


def test_a_registration_by_hand():
    video = film(np.array([[0, 0], [0, 1]]))[None]
    error, shift = registered(torch.roll(video, (3, 5), (-2, -1)), video)
    assert shift.tolist() == [[3, 5]]
    assert error.item() == pytest.approx(0, abs=1e-9)


def test_what_cannot_be_is_refused():
    with pytest.raises(UserError, match="states and dwell must be positive, got 0"):
        motion(0)
    with pytest.raises(UserError, match="needs more of them observed, got 3"):
        next(NGram(3).predict(torch.zeros(1, 3, 1, 5, 5), 1))
    with pytest.raises(UserError, match="matched must be two or more"):
        models.build({"kind": "ngram", "matched": 1}, 8)
