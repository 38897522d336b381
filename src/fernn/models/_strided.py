"""Encoders and decoders of PhyDNet's published size: frames in, a quarter of each side.

Each layer is a 3×3 convolution, or a transposed one, with zero padding, a group
normalisation of 16 groups and a leaky ReLU of slope 0.2.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import nn

from fernn.flows import Size
from fernn.flows._base import frame_of
from fernn.models._options import Boundary
from fernn.models._recurrent import CHANNELS
from labrun.errors import UserError

GROUPS, SLOPE = 16, 0.2
SHRINK = 4  # of each side
BRANCHES = ("physical", "residual")


class Around(NamedTuple):
    """What is around PhyDNet's branches.

    Attributes:
        encode: a frame.
        into: of each branch, what it sees of that.
        out_of: of each branch, what its state adds to the sum.
        decode: the sum.
        widths: channels of the layers of ConvLSTM.
    """

    encode: nn.Module
    into: dict[str, nn.Module]
    out_of: dict[str, nn.Module]
    decode: nn.Module
    widths: list[int]


def parts(hidden: int, boundary: Boundary) -> Around:
    """The published ones.

    Raises:
        UserError: the boundary is not ``zero``.
    """
    if boundary != "zero":
        raise UserError(f"image 'strided' needs boundary 'zero', not {boundary!r}")
    return Around(
        encoder(CHANNELS, hidden),
        {name: into_branch(hidden) for name in BRANCHES},
        {name: out_of_branch(hidden) for name in BRANCHES},
        decoder(hidden, CHANNELS),
        [2 * hidden, 2 * hidden, hidden],
    )


def check(hidden: int, size: Size) -> None:
    """Refuse channels and sizes that the layers do not divide.

    Raises:
        UserError: which.
    """
    if hidden % (2 * GROUPS):
        raise UserError(
            f"image 'strided' needs a multiple of {2 * GROUPS} as hidden, got {hidden}"
        )
    height, width = frame_of(size)
    if height % SHRINK or width % SHRINK:
        raise UserError(
            f"image 'strided' needs sides that {SHRINK} divides, got {height}×{width}"
        )


def encoder(inputs: int, hidden: int) -> nn.Sequential:
    """From a frame to `hidden` channels at a quarter of each side."""
    return nn.Sequential(
        _down(inputs, hidden // 2, 2),
        _down(hidden // 2, hidden // 2, 1),
        _down(hidden // 2, hidden, 2),
    )


def decoder(hidden: int, outputs: int) -> nn.Sequential:
    """Back to a frame, between 0 and 1."""
    last = nn.ConvTranspose2d(
        hidden // 2, outputs, 3, stride=2, padding=1, output_padding=1
    )
    return nn.Sequential(
        _up(hidden, hidden // 2, 2),
        _up(hidden // 2, hidden // 2, 1),
        last,
        nn.Sigmoid(),
    )


def into_branch(hidden: int) -> nn.Sequential:
    """Two layers from what both branches share to one of them."""
    return nn.Sequential(_down(hidden, hidden, 1), _down(hidden, hidden, 1))


def out_of_branch(hidden: int) -> nn.Sequential:
    """Two layers back."""
    return nn.Sequential(_up(hidden, hidden, 1), _up(hidden, hidden, 1))


def _down(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return _layer(nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1), outputs)


def _up(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    convolve = nn.ConvTranspose2d(
        inputs, outputs, 3, stride=stride, padding=1, output_padding=stride - 1
    )
    return _layer(convolve, outputs)


def _layer(convolve: nn.Module, outputs: int) -> nn.Sequential:
    return nn.Sequential(convolve, nn.GroupNorm(GROUPS, outputs), nn.LeakyReLU(SLOPE))
