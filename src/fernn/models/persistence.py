"""Copies of the last frame: how easy the task is without a model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from fernn.cells import check_video
from fernn.flows import Size
from fernn.models._options import check_horizon
from labrun.errors import UserError, require_known

TRAINED = False  # it has no weights
ORACLE = {"motion": "oracle"}  # with which it is told the true velocity
Motion = Literal["still", "estimated", "oracle"]


class Persistence(nn.Module):
    """The last observed frame, as it is or moved on by one velocity.

    Args:
        motion: ``still`` repeats the frame (Eulerian persistence). ``estimated`` moves
            the whole frame by the shift between the last two frames (Lagrangian
            persistence). ``oracle`` moves it by the true velocity of its first digit,
            which is exact when all digits share one.

    Raises:
        UserError: an unknown motion.
    """

    def __init__(self, motion: Motion):
        super().__init__()
        require_known("motion", motion, get_args(Motion))
        self.motion = motion

    def predict(
        self,
        video: Float[Tensor, "batch time channel height width"],
        horizon: int,
        velocity: Int[Tensor, "batch digit component"],
    ) -> Iterator[Float[Tensor, "batch channel height width"]]:
        """The predicted frames one by one; an oracle's `velocity` in pixels per frame.

        Raises:
            UserError: an oracle is asked about a velocity that is no translation; or
                a shift is to be estimated from one frame; or the video has other
                axes, or no frame is observed or asked for.
        """
        check_video(video)
        if self.motion == "oracle" and velocity.shape[-1] != 2:
            raise UserError("motion 'oracle' moves by whole pixels; use motion 'still'")
        if self.motion == "estimated" and video.shape[1] < 2:
            raise UserError("motion 'estimated' needs two observed frames, not 1")
        last = video[:, -1]
        shift = estimate(video[:, -2], last) if self.motion == "estimated" else None
        shift = velocity[:, 0] if self.motion == "oracle" else shift
        for ahead in range(1, check_horizon(horizon) + 1):
            yield last if shift is None else roll(last, ahead * shift)


def estimate(
    before: Float[Tensor, "batch channel height width"],
    after: Float[Tensor, "batch channel height width"],
) -> Int[Tensor, "batch 2"]:
    """The circular shift (rows, columns) between two frames, by phase correlation.

    It is where the inverse transform of the normalised cross spectrum
    ``conj(B) A / |conj(B) A|`` is largest, summed over channels (C. D. Kuglin,
    D. C. Hines, 1975). The shift is exact if all content moves as one; 0 for empty
    frames. Shifts are between 0 and the frame's size, as a torus makes -1 and
    ``size - 1`` equal.
    """
    cross = torch.fft.rfft2(before.double()).conj() * torch.fft.rfft2(after.double())
    cross = cross.sum(1)
    phase = cross / cross.abs().clamp_min(1e-12)
    peak = torch.fft.irfft2(phase, s=before.shape[-2:]).flatten(1).argmax(1)
    width = before.shape[-1]
    return torch.stack([peak // width, peak % width], dim=1)


def roll(
    frame: Float[Tensor, "batch channel height width"], shift: Int[Tensor, "batch 2"]
) -> Float[Tensor, "batch channel height width"]:
    """Each sample rolled by its own (rows, columns)."""
    height, width = frame.shape[-2:]
    rows = (torch.arange(height, device=frame.device) - shift[:, :1]) % height
    columns = (torch.arange(width, device=frame.device) - shift[:, 1:]) % width
    sample = torch.arange(len(frame), device=frame.device)[:, None, None]
    moved = frame.movedim(1, -1)[sample, rows[:, :, None], columns[:, None, :]]
    return moved.movedim(-1, 1)


def build(size: Size, motion: Motion) -> Persistence:
    """A baseline from a specification."""
    return Persistence(motion)
