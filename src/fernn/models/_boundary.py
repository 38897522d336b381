"""What lies beyond the edge of a frame."""

from __future__ import annotations

from fernn.errors import UserError, nearest

BOUNDARIES = {"zero": "zeros", "circular": "circular"}


def padding_mode(boundary: str) -> str:
    """PyTorch's word for a boundary: ``zero``, or ``circular``, a torus.

    Raises:
        UserError: an unknown boundary.
    """
    if boundary not in BOUNDARIES:
        raise UserError(f"no boundary {boundary!r}; {nearest(boundary, BOUNDARIES)}")
    return BOUNDARIES[boundary]
