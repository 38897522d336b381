"""A camera that pans: translations of the torus along its columns alone."""

from __future__ import annotations

from fernn.flows._base import Size, frame_of
from fernn.flows.translation import Translation
from labrun.errors import UserError

TORUS = True  # velocities are pixels per frame, the same modulo the size
WAYS = ("max_speed", "closed")  # to give V


def build(
    size: Size, max_speed: int | None = None, closed: bool = False
) -> Translation:
    r"""Horizontal velocities: truncated, or ``closed``: all that differ on the torus.

    The closed :math:`V = \{0\} \times \mathbb{Z}_N` is a group of N slots, where the
    whole torus has N times as many as the frame has rows. A horizontal flow permutes
    them, so what is pooled over V and over the frame does not change at all.

    Args:
        size: side of a square frame, or its (rows, columns), pixels; N columns.
        max_speed: in place of ``closed``, :math:`V = \{0\} \times \{-r, \dots, r\}`.
        closed: all N velocities.

    Raises:
        UserError: none or both of the two are given.
    """
    if closed == (max_speed is not None):
        given = "both" if closed else "none of them"
        raise UserError(f"a pan takes one of max_speed and closed, got {given}")
    if closed:
        return Translation([(0, column) for column in range(frame_of(size)[1])], size)
    assert max_speed is not None
    return Translation(
        [(0, column) for column in range(-max_speed, max_speed + 1)], size
    )
