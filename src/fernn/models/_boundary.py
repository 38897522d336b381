"""What lies beyond the edge of a frame."""

from __future__ import annotations

from typing import Literal

from labrun.errors import require_known

Boundary = Literal["zero", "circular"]
BOUNDARIES: dict[Boundary, Literal["zeros", "circular"]] = {
    "zero": "zeros",
    "circular": "circular",
}


def padding_mode(boundary: Boundary) -> Literal["zeros", "circular"]:
    """PyTorch's word for a boundary: ``zero``, or ``circular``, a torus.

    Raises:
        UserError: an unknown boundary.
    """
    require_known("boundary", boundary, BOUNDARIES)
    return BOUNDARIES[boundary]
