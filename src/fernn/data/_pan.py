"""Frames carried along by the flow of a moving camera."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor


def carry(
    video: Float[Tensor, "sample frame height width"],
    velocity: Int[Tensor, "sample 2"],
    zero: bool = False,
) -> Float[Tensor, "sample frame height width"]:
    r"""Frame t of each sample moved by :math:`t \nu`, on a torus or out of view.

    .. math:: (\psi(\nu) \cdot f)_t(x) = f_t(x - t \nu)

    Args:
        video: as a camera at rest sees it.
        velocity: (rows, columns), pixels per frame.
        zero: what comes into view is black; otherwise the frame is a torus.
    """
    samples, frames, height, width = video.shape
    time = torch.arange(frames, device=video.device)
    shift = time[None, :, None] * velocity[:, None]
    row = torch.arange(height, device=video.device) - shift[..., :1]
    column = torch.arange(width, device=video.device) - shift[..., 1:]
    sample = torch.arange(samples, device=video.device)[:, None, None, None]
    moved = video[
        sample,
        time[None, :, None, None],
        (row % height)[..., :, None],
        (column % width)[..., None, :],
    ]
    if not zero:
        return moved
    inside = [(0 <= row) & (row < height), (0 <= column) & (column < width)]
    return moved * (inside[0][..., :, None] & inside[1][..., None, :])
