"""Frames rendered from the integers of a recipe: translated, turned, panned."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor

CHUNK = 16  # sequences at a time, so that what is computed stays in cache


def translate(
    digits: UInt8[Tensor, "sample digit tall wide"],
    offset: Int[Tensor, "sample digit 2"],
    velocity: Int[Tensor, "sample digit 2"],
    frames: int,
    size: int,
    scale: float,
    start: int = 0,
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
        start: the first of them.
    """
    time = torch.arange(start, start + frames, device=digits.device)[:, None]
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


def turn(
    digits: UInt8[Tensor, "sample digit tall wide"],
    angle: Int[Tensor, "sample digit"],
    velocity: Int[Tensor, "sample digit"],
    offset: Int[Tensor, "sample digit 2"],
    frames: int,
    size: int,
    scale: float,
    start: int = 0,
) -> Float[Tensor, "sample frame 1 height width"]:
    r"""The sum of each sample's turning digits, clamped to [0, 1], section 5.1.

    .. math:: f_t(x) = \min\bigl(1, \sum_d I_d(R_{-(a_d + t \omega_d)} x - o_d)\bigr)

    Each frame is one bilinear sampling of the digit, so it does not blur with time.

    Args:
        digits: the images of each sample.
        angle: at frame 0, degrees counter-clockwise.
        velocity: degrees per frame.
        offset: of a digit's centre from the frame's, before turning: (rows, columns).
        frames: how many.
        size: height and width of the frame, pixels.
        scale: the value of full ink.
        start: the first of them.
    """
    time = torch.arange(start, start + frames, device=digits.device)
    degrees = (angle[..., None] + time * velocity[..., None]) % 360
    place = torch.arange(size, device=digits.device) - (size - 1) / 2
    parts = zip(
        digits.split(CHUNK), degrees.split(CHUNK), offset.split(CHUNK), strict=True
    )
    video = [_turned(*part, place, scale).sum(1).clamp_(max=1) for part in parts]
    return torch.cat(video)[:, :, None]


def _turned(
    digits: Tensor, degrees: Tensor, offset: Tensor, place: Tensor, scale: float
) -> Float[Tensor, "sample digit frame height width"]:
    """Digits sampled at the pixels of the frame, turned back."""
    radians = degrees.double() * (math.pi / 180)
    cos, sin = (
        wave.float()[..., None, None] for wave in (radians.cos(), radians.sin())
    )
    rows, columns = place[:, None], place
    shift = offset[..., None, None, None].float()
    row = cos * rows + sin * columns - shift[:, :, 0]
    column = cos * columns - sin * rows - shift[:, :, 1]
    tall, wide = digits.shape[-2:]
    sides = torch.stack([column * (2 / wide), row * (2 / tall)], -1)
    count, several, frames, size, _, _ = sides.shape
    images = digits.flatten(0, 1)[:, None].float() / scale
    coordinates = sides.view(count * several, frames * size, size, 2)
    found = F.grid_sample(images, coordinates, "bilinear", "zeros", align_corners=False)
    return found.view(count, several, frames, size, size)


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
