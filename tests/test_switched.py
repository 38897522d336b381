"""Velocities of a hidden Markov chain: a path by hand, and how often they stay."""

import numpy as np
import pytest

from fernn.data import motions
from fernn.data.motions import Room
from labrun.errors import UserError


def motion(stay, frames=400, max_speed=1):
    room = Room(12, (4, 4), 1, max_speed, frames)
    return motions.build({"kind": "switched", "stay": stay}, room)


def steps(stay, samples=200):
    """The velocities along the columns: sample × step."""
    made = motion(stay)
    words = np.random.default_rng(0).integers(
        0, 2**32, (samples, 1, made.changes + 2, 2), np.uint64
    )
    start, speed = made.offsets(words[:, :, 0]), made.velocities(words[:, :, 1])
    change = made.draw_changes(words[:, :, 2:])
    return np.diff(made.path(start, speed, change, 400)[:, 0, :, 1], axis=1)


def test_a_path_by_hand():
    """Speeds -1, 0, 1; first 1, then +1 (to -1), 0, +2 (to 1), +1 (to -1)."""
    change = np.array([1, 0, 2, 1])[None, None, :, None] * [0, 1]
    speed = np.array([[[0, 1]]])
    path = motion(0.5, frames=6).path(0 * speed, speed, change, 6)
    assert path[0, 0, :, 1].tolist() == [0, 1, 0, -1, 0, -1]
    assert (path[..., 0] == 0).all()


@pytest.mark.parametrize("stay", [0.5, 0.9])
def test_velocities_stay_as_often_as_the_chain_says(stay):
    found = steps(stay)
    same = (found[:, 1:] == found[:, :-1]).mean()
    assert same == pytest.approx(stay + (1 - stay) / 3, abs=0.005)
    after = found[:, 1:][found[:, :-1] == 1]
    shares = [(after == speed).mean() for speed in (-1, 0)]
    assert shares == pytest.approx([(1 - stay) / 3] * 2, abs=0.005)
    assert {*np.unique(found)} == {-1, 0, 1}


def test_a_chain_that_always_stays_is_a_straight_line_and_no_other_is():
    assert (steps(1.0) == steps(1.0)[:, :1]).all()
    assert (steps(0.9) != steps(0.9)[:, :1]).any()


def test_what_is_no_probability_is_refused():
    with pytest.raises(UserError, match=r"stay must be from 0 to 1, got 1.5"):
        motion(1.5)
