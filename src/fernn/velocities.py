"""Velocities: whole numbers along the axes of a flow, and the usual set of them."""

from __future__ import annotations

import itertools

Velocity = tuple[int, ...]


def square(max_speed: int) -> list[Velocity]:
    r""":math:`V_r = \{-r, \dots, r\}^2`, rows outermost."""
    speeds = range(-max_speed, max_speed + 1)
    return list(itertools.product(speeds, speeds))
