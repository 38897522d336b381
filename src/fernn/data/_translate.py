"""Frames of moving digits, rendered from a recipe as windows of a torus."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor

CHUNK = 16  # sequences at a time, so that their tiles stay in cache


def translate(
    digits: UInt8[Tensor, "sample digit tall wide"],
    offset: Int[Tensor, "sample digit 2"],
    velocity: Int[Tensor, "sample digit 2"],
    frames: int,
    size: int,
    scale: float,
) -> Float[Tensor, "sample frame 1 height width"]:
    r"""The sum of each sample's moving digits, clamped to [0, 1], section 5.1.

    .. math:: f_t(x) = \min\bigl(1, \sum_d I_d(x - o_d - t \nu_d)\bigr)

    Args:
        digits: the images of each sample.
        offset: of a digit's corner at frame 0, (rows, columns), pixels.
        velocity: (rows, columns), pixels per frame.
        frames: how many.
        size: height and width of the frame, a torus, pixels.
        scale: the value of full ink.
    """
    time = torch.arange(frames, device=digits.device)[:, None]
    path = offset[:, :, None] + time * velocity[:, :, None]
    return follow(digits, path, size, scale)


def follow(
    digits: UInt8[Tensor, "sample digit tall wide"],
    path: Int[Tensor, "sample digit frame 2"],
    size: int,
    scale: float,
) -> Float[Tensor, "sample frame 1 height width"]:
    """The same with digits whose corners take any path, (rows, columns), pixels."""
    shape = len(digits), path.shape[2], size, size
    video = torch.empty(shape, device=digits.device)
    parts = (whole.split(CHUNK) for whole in (video, digits, path))
    for part, images, corner in zip(*parts, strict=True):
        moved = _windows(images, -corner % size, size, scale)
        torch.sum(moved, 1, out=part).clamp_(max=1)
    return video[:, :, None]


def _windows(
    images: Tensor, corner: Int[Tensor, "sample digit frame 2"], size: int, scale: float
) -> Float[Tensor, "sample digit frame height width"]:
    """Cut frames out of the torus laid twice along both axes: no index per pixel."""
    rows, columns = images.shape[-2:]
    torus = F.pad(images, (0, size - columns, 0, size - rows)) / scale
    twice = torus[:, :, None, :, None].expand(-1, -1, 2, -1, 2, -1)
    side = 2 * size
    tiles = twice.reshape(-1, side, side)
    tile = torch.arange(len(tiles), device=images.device).view(*images.shape[:2], 1)
    first = (tile * side + corner[..., 0]) * side + corner[..., 1]
    places = tiles.numel() - (size - 1) * (side + 1)
    windows = tiles.view(-1).as_strided((places, size, size), (1, side, 1))
    return windows[first]
