"""What lies beyond the edge of a frame."""

from __future__ import annotations

from typing import Literal

from labrun.errors import UserError, nearest

BOUNDARIES: dict[str, Literal["zeros", "circular"]] = {
    "zero": "zeros",
    "circular": "circular",
}


def padding_mode(boundary: str) -> Literal["zeros", "circular"]:
    """PyTorch's word for a boundary: ``zero``, or ``circular``, a torus.

    Raises:
        UserError: an unknown boundary.
    """
    if boundary not in BOUNDARIES:
        raise UserError(f"no boundary {boundary!r}; {nearest(boundary, BOUNDARIES)}")
    return BOUNDARIES[boundary]
