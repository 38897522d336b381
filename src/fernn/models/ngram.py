r"""Frames that followed the same motion before are copied, moved to where it is now.

The last n frames are compared with every n frames before them by registration: each
pair of times has the shift of the torus that makes them most alike,

.. math:: d_s = \arg\min_d \sum_{i<n} \lVert f_{t-i} - \psi_d f_{s-i} \rVert^2

and the forecast is :math:`\psi_{d_s} f_{s+1}` of the time s that is most alike, the
latest of several. A flow of the input moves both windows rigidly, by other shifts, so
that the forecast flows too, whatever the flow: d ranges over the whole torus. If it
ranged over V, flows faster than V would break it. It is the n-gram head of in-context
language learning for displacements, in place of symbols; exact for one object that
moves rigidly. It has no weights: a control of what an automaton's repetitions alone
tell.

Source: E. Akyürek and others, ICML 2024, arXiv 2401.12973: its n-gram head, by
registration.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from fernn.cells import check_video
from fernn.flows import Size
from fernn.models._options import check_horizon
from fernn.models.persistence import roll
from fernn.velocities import whole
from labrun.errors import UserError

TRAINED = False  # it has no weights
Frames = Float[Tensor, "batch time channel height width"]


class NGram(nn.Module):
    """A copy of what followed the most similar n frames.

    Args:
        matched: n, frames of a window; a velocity takes two.

    Raises:
        UserError: a window has fewer than two.
    """

    def __init__(self, matched: int = 3):
        super().__init__()
        self.matched = whole(matched, "matched must be two or more", least=2)

    def predict(
        self,
        video: Frames,
        horizon: int,
        velocity: Int[Tensor, "batch digit component"] | None = None,
    ) -> Iterator[Float[Tensor, "batch channel height width"]]:
        """The predicted frames one by one; they are read as if they were seen.

        Raises:
            UserError: there are not more frames than a window has.
        """
        check_video(video)
        if video.shape[1] <= self.matched:
            raise UserError(
                f"an n-gram of {self.matched} frames needs more of them observed, got"
                f" {video.shape[1]}"
            )
        for _ in range(check_horizon(horizon)):
            frame = followed(video, self.matched)
            video = torch.cat([video, frame[:, None]], dim=1)
            yield frame


def followed(
    video: Frames, matched: int
) -> Float[Tensor, "batch channel height width"]:
    """What followed the window that is most like the last one, moved as it is."""
    last = video[:, -matched:]
    errors, shifts = [], []
    for end in range(matched, video.shape[1]):
        error, shift = registered(last, video[:, end - matched : end])
        errors.append(error)
        shifts.append(shift)
    error = torch.stack(errors, dim=1)
    near = error <= error.amin(1, keepdim=True) + 1e-6 * error.amax(1, keepdim=True)
    times = torch.arange(error.shape[1], device=error.device)
    best = torch.where(near, times, -1).amax(1)
    rows = torch.arange(len(video), device=video.device)
    return roll(video[rows, best + matched], torch.stack(shifts, dim=1)[rows, best])


def registered(
    now: Frames, before: Frames
) -> tuple[Float[Tensor, " batch"], Int[Tensor, "batch 2"]]:
    """The least squared distance of two windows over all shifts, and the shift."""
    spectrum = torch.fft.rfft2(before.double()).conj() * torch.fft.rfft2(now.double())
    size = now.shape[-2:]
    alike = torch.fft.irfft2(spectrum.sum((1, 2)), s=size).flatten(1)
    place = alike.argmax(1)
    norms = (now.double().square() + before.double().square()).sum((1, 2, 3, 4))
    shift = torch.stack([place // size[1], place % size[1]], dim=1)
    return norms - 2 * alike.amax(1), shift


def build(size: Size, matched: int = 3) -> NGram:
    """A baseline from a specification."""
    return NGram(matched)
