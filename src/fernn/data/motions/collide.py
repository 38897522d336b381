"""Two digits on a torus that exchange their velocities when they meet."""

from __future__ import annotations

import numpy as np

from fernn.data.motions._base import Changes, Motion, Pairs, Path, Room, Words
from labrun.errors import UserError
from labrun.random_words import below


class Collide(Motion):
    """Elastic collisions of equal masses: momentum and energy stay what they are.

    Digits meet where the next step would bring their corners nearer than `reach` pixels
    along both axes, the short way round; they take that step with each other's velocity
    instead, and so part as they came. A collision off the centre would leave the part
    of the velocity across the line between them, which is no whole number.

    Raises:
        UserError: there are not two digits, or so long a reach leaves no place.
    """

    def __init__(self, room: Room, reach: int):
        super().__init__(room)
        if room.digits != 2:
            raise UserError(f"motion collide: needs 2 digits, got {room.digits}")
        places = np.indices((room.size, room.size)).reshape(2, -1).T
        away = places[~_near(places, room, reach)]
        if reach < 1 or not len(away):
            raise UserError(
                "motion collide: reach must be positive and at most half of the frame"
                f" of {room.size} pixels, got {reach}"
            )
        self.reach, self._away = reach, away

    def offsets(self, words: Words) -> Pairs:
        """See `Motion.offsets`; the second digit anywhere out of reach of the first."""
        first = below(words[:, 0], self.room.size)
        apart = self._away[below(words[:, 1, 0], len(self._away))]
        return np.stack([first, (first + apart) % self.room.size], axis=1)

    def path(
        self, offset: Pairs, velocity: Pairs, change: Changes, frames: int
    ) -> Path:
        """See `Motion.path`."""
        positions = [offset]
        for _ in range(frames - 1):
            moved = positions[-1] + velocity
            meet = _near(moved[:, 0] - moved[:, 1], self.room, self.reach)
            velocity = np.where(meet[:, None, None], velocity[:, ::-1], velocity)
            positions.append(positions[-1] + velocity)
        return np.stack(positions, axis=2)


def _near(apart: np.ndarray, room: Room, reach: int) -> np.ndarray:
    """Whether differences of corners are within reach along both axes."""
    ahead = apart % room.size
    return np.all(np.minimum(ahead, room.size - ahead) < reach, axis=-1)


def build(room: Room, *, reach: int = 4) -> Collide:
    """Two digits that meet within `reach` pixels."""
    return Collide(room, reach)
