"""Digits that grow faster or slower by whole pixels, on a torus."""

from __future__ import annotations

import numpy as np

from fernn.data.motions._base import (
    Changes,
    Motion,
    Pairs,
    Path,
    Room,
    Words,
    integrated,
)
from labrun.errors import UserError
from labrun.random_words import below


class Accelerate(Motion):
    """A constant acceleration: the velocity of step t is ``v + (t // every) a``.

    On a torus of N pixels velocities are the same modulo N, so what grows faster and
    faster seems to come to rest and to turn again.

    Raises:
        UserError: `every` is not positive, or `limit` negative.
    """

    meaning = "acceleration"
    changes = 1

    def __init__(self, room: Room, limit: int, every: int):
        super().__init__(room)
        if every < 1 or limit < 0:
            raise UserError(
                "motion accelerate: every must be positive and limit not negative,"
                f" got {every} and {limit}"
            )
        self.limit, self.every = limit, every

    def draw_changes(self, words: Words) -> Changes:
        """See `Motion.draw_changes`; uniform up to `limit` along each axis."""
        return below(words, 2 * self.limit + 1) - self.limit

    def path(
        self, offset: Pairs, velocity: Pairs, change: Changes, frames: int
    ) -> Path:
        """See `Motion.path`."""
        times = np.arange(frames - 1)[:, None] // self.every
        return integrated(offset, velocity[:, :, None] + times * change)


def build(room: Room, *, limit: int = 1, every: int = 1) -> Accelerate:
    """Up to `limit` pixels per frame more after every `every` frames."""
    return Accelerate(room, limit, every)
