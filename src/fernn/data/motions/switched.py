"""Velocities that a hidden Markov chain switches, on a torus."""

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

COINS = 2**16  # the lower half of a word; its upper half tells the velocity


class Switched(Motion):
    """In each step the velocity stays, or is drawn again as the first was.

    With n velocities it is the same as in the step before with the probability
    ``stay + (1 - stay) / n``, and any other with ``(1 - stay) / n``. A change is added
    to both components, modulo the ``2 max_speed + 1`` speeds of each.

    Raises:
        UserError: `stay` is not from 0 to 1.
    """

    meaning = "change of the velocity, modulo the number of speeds,"

    def __init__(self, room: Room, stay: float):
        super().__init__(room)
        if not 0 <= stay <= 1:
            raise UserError(f"motion switched: stay must be from 0 to 1, got {stay}")
        self.stay = stay
        self.changes = max(0, room.frames - 2)
        self.speeds = 2 * room.max_speed + 1

    def draw_changes(self, words: Words) -> Changes:
        """See `Motion.draw_changes`; 0 where the velocity stays."""
        coin = words[..., :1] % np.uint64(COINS) < round(self.stay * COINS)
        return np.where(coin, 0, below(words, self.speeds))

    def path(
        self, offset: Pairs, velocity: Pairs, change: Changes, frames: int
    ) -> Path:
        """See `Motion.path`; step t has the first velocity and t changes."""
        known = np.concatenate([velocity[:, :, None], change[:, :, : frames - 2]], 2)
        fast = self.room.max_speed
        steps = (known.cumsum(2) + fast) % self.speeds - fast
        return integrated(offset, steps[:, :, : frames - 1])


def build(room: Room, *, stay: float = 0.9) -> Switched:
    """The velocity stays with the probability `stay` in each step."""
    return Switched(room, stay)
