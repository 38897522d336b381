"""Digits that stay inside the frame: its walls reflect them."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from fernn.data.motions._base import Changes, Motion, Pairs, Path, Room, Words
from labrun.errors import UserError
from labrun.random_words import below


class Bounce(Motion):
    """Elastic walls: what a step would be beyond a wall it is before it.

    Raises:
        UserError: a digit fills the frame along an axis.
    """

    def __init__(self, room: Room):
        super().__init__(room)
        self.span = room.size - np.array(room.image)
        if self.span.min() < 1:
            rows, columns = room.image
            raise UserError(
                f"motion bounce: digits of {rows}×{columns} pixels cannot move inside"
                f" a frame of {room.size}×{room.size} (frame_size)"
            )

    def offsets(self, words: Words) -> Pairs:
        """See `Motion.offsets`; anywhere inside."""
        return below(words, self.span * self.parts + 1)

    def path(
        self, offset: Pairs, velocity: Pairs, change: Changes, frames: int
    ) -> Path:
        """See `Motion.path`; whole digits are always seen."""
        times = np.arange(frames)[:, None]
        straight = offset[:, :, None] + times * velocity[:, :, None]
        return fold(straight, self.span * self.parts) // self.parts


def fold(
    position: Int[np.ndarray, "*many 2"], span: Int[np.ndarray, " 2"]
) -> Int[np.ndarray, "*many 2"]:
    """A straight line reflected at 0 and at `span`: a zigzag of period 2 `span`."""
    return span - np.abs(span - position % (2 * span))


def build(room: Room) -> Bounce:
    """Digits between elastic walls."""
    return Bounce(room)
