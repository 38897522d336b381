"""Moving MNIST's motion: any direction, one speed, reflected by the walls."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int

from fernn.data.motions._base import Room, Words
from fernn.data.motions.bounce import Bounce
from labrun.errors import UserError
from labrun.random_words import below

DIRECTIONS = 2**16


class Glide(Bounce):
    """A digit moves a share of its free way in each frame, in a random direction.

    Positions are 256ths of a pixel and are cut off to whole pixels when shown.

    Raises:
        UserError: the share is not positive, or a digit fills the frame.
    """

    parts = 256

    def __init__(self, room: Room, share: float):
        super().__init__(room)
        if not share > 0:
            raise UserError(f"motion glide: share must be positive, got {share}")
        self.share = share

    def velocities(self, words: Words) -> Int[np.ndarray, "sample digit *numbers"]:
        """See `Motion.velocities`; the first number of the two is the direction."""
        turn = 2 * np.pi * below(words[..., 0], DIRECTIONS) / DIRECTIONS
        unit = np.stack([np.sin(turn), np.cos(turn)], axis=-1)
        return np.rint(self.share * self.span * self.parts * unit).astype(np.int64)


def build(room: Room, *, share: float = 0.1) -> Glide:
    """A `share` of the free way in each frame; the field has a tenth."""
    return Glide(room, share)
