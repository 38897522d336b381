"""Translations along the diagonal."""

from __future__ import annotations

from fernn.flows.translation import Translation

TORUS = True  # velocities are pixels per frame, the same modulo the size
WAYS = ("max_speed",)  # to give V


def build(size: int, max_speed: int) -> Translation:
    """As many pixels per frame along rows as along columns."""
    return Translation([(k, k) for k in range(-max_speed, max_speed + 1)], size)
