"""The height and width of frames."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fernn.velocities import whole
from labrun.errors import UserError, shown

Frame = tuple[int, int]
Size = int | Sequence[int]  # the side of a square, or rows and columns


def frame_of(size: Any) -> Frame:
    """The height and width that a size gives, pixels.

    Args:
        size: the side of a square frame, or (rows, columns).

    Raises:
        UserError: it is neither, or not positive.
    """
    message = "size must be a positive number of pixels, or two of them (rows, columns)"
    try:
        pair = tuple(size)
    except TypeError:
        pair = size, size
    if len(pair) != 2:
        raise UserError(f"{message}, got {shown(size)}")
    rows, columns = (whole(side, message, least=1, told=size) for side in pair)
    return rows, columns
