"""Frames of turning digits, sampled from a recipe."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor

CHUNK = 16  # sequences at a time, so that their coordinates stay in cache


def turn(
    digits: UInt8[Tensor, "sample digit tall wide"],
    angle: Int[Tensor, "sample digit"],
    velocity: Int[Tensor, "sample digit"],
    offset: Int[Tensor, "sample digit 2"],
    frames: int,
    size: int,
    scale: float,
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
    """
    time = torch.arange(frames, device=digits.device)
    degrees = (angle[..., None] + time * velocity[..., None]) % 360
    place = torch.arange(size, device=digits.device) - (size - 1) / 2
    parts = zip(
        digits.split(CHUNK), degrees.split(CHUNK), offset.split(CHUNK), strict=True
    )
    video = [_sampled(*part, place, scale).sum(1).clamp_(max=1) for part in parts]
    return torch.cat(video)[:, :, None]


def _sampled(
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
