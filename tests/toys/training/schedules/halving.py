"""The learning rate is halved after every so many steps."""

from __future__ import annotations


def factor(step: int, steps: int, *, every: int = 10) -> float:
    """A power of one half."""
    return 0.5 ** (step // every)
