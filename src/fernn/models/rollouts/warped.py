r"""Velocity channel :math:`\nu` is fed the previous frame, moved by its velocity.

It is flow equivariant for a closed V.
"""

from __future__ import annotations

from typing import Any

from fernn.models.rollouts import Carry, FeedLast, Frame, lift


class Warped(FeedLast):
    """Feed each velocity channel what its own flow makes of the previous frame."""

    STACKED = ()

    def step(self, model: Any, carry: Carry) -> tuple[Carry, Frame]:
        """Advance by the moved frame."""
        time = carry.time + 1
        drive = lift(model, carry, ahead=1)
        state, prediction = model.advance(drive, carry.state, time)
        return Carry(state, time, prediction.clamp(0, 1)), prediction


build = Warped
