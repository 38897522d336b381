"""Straight lines with corners: a new velocity every few frames, on a torus."""

from __future__ import annotations

import numpy as np

from fernn.data.motions._base import Changes, Motion, Pairs, Path, Room, integrated
from labrun.errors import UserError


class Piecewise(Motion):
    """The velocity is drawn again after every `every` frames, as the first was.

    Raises:
        UserError: `every` is not positive.
    """

    meaning = "velocity after each change"

    def __init__(self, room: Room, every: int):
        super().__init__(room)
        if every < 1:
            raise UserError(f"motion piecewise: every must be positive, got {every}")
        self.every = every
        self.changes = max(0, room.frames - 2) // every

    def path(
        self, offset: Pairs, velocity: Pairs, change: Changes, frames: int
    ) -> Path:
        """See `Motion.path`; step t has velocity number ``t // every``."""
        known = np.concatenate([velocity[:, :, None], change], axis=2)
        return integrated(offset, known[:, :, np.arange(frames - 1) // self.every])


def build(room: Room, *, every: int = 5) -> Piecewise:
    """A new velocity every `every` frames."""
    return Piecewise(room, every)
