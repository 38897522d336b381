"""Persistence: the last frame, still or moved by an estimated or a true velocity."""

import pytest
import torch

from fernn.models.persistence import Persistence, estimate, roll
from labrun.errors import UserError


def moving(shifts, frames=6, size=(7, 9), digits=1):
    """Random digits of one shift each on a torus (batch, time, 1, rows, columns)."""
    shifts = torch.tensor(shifts).reshape(-1, digits, 2)
    torch.manual_seed(0)
    parts = torch.rand(len(shifts), digits, 1, *size)
    parts *= (torch.rand(parts.shape) < 0.3).float()
    video = [
        sum(roll(parts[:, d], t * shifts[:, d]) for d in range(digits))
        for t in range(frames)
    ]
    return torch.stack(video, 1)


@pytest.mark.law("models/persistence")
def test_the_estimated_motion_forecasts_one_moving_content_exactly():
    video = moving([[0, 0], [2, -1], [-3, 4], [3, 1]])
    found = estimate(video[:, 0], video[:, 1])
    assert found.tolist() == [[0, 0], [2, 8], [4, 4], [3, 1]]
    unused = torch.zeros(4, 1, 2, dtype=torch.long)
    future = torch.stack(
        list(Persistence("estimated").predict(video[:, :2], 4, unused))
    )
    assert torch.equal(future.movedim(0, 1), video[:, 2:])
    still = torch.stack(list(Persistence("still").predict(video[:, :2], 4, unused)))
    assert not torch.equal(still.movedim(0, 1), video[:, 2:])


def test_one_shift_does_not_forecast_two_velocities():
    video, shift = moving([[[2, 0], [-1, 1]]], digits=2), torch.zeros(1, 2, 2).long()
    future = list(Persistence("estimated").predict(video[:, :2], 4, shift))
    assert all(
        (frame - video[:, 2 + t]).abs().max() > 0.1 for t, frame in enumerate(future)
    )


def test_an_empty_frame_stays_and_one_frame_has_no_motion():
    empty = torch.zeros(1, 2, 1, 5, 5)
    assert estimate(empty[:, 0], empty[:, 1]).tolist() == [[0, 0]]
    line = torch.zeros(1, 1, 8, 8)
    line[..., 1, :] = 1  # most of its spectrum is 0
    assert estimate(line, roll(line, torch.tensor([[2, 0]])))[0, 0] == 2
    with pytest.raises(UserError, match="'estimated' needs two observed frames, not 1"):
        next(
            Persistence("estimated").predict(
                empty[:, :1], 1, torch.zeros(1, 1, 2).long()
            )
        )
