"""The roll-out of the paper's code: the last observed frame is fed twice.

It is not flow equivariant.

Source: the code of arXiv 2507.14793.
"""

from __future__ import annotations

from typing import Any

from fernn.models.rollouts import Carry, FeedLast, Frame, lift


class Repeat(FeedLast):
    """Feed the last frame again, then each prediction, without its gradient."""

    STACKED = ()

    def step(self, model: Any, carry: Carry) -> tuple[Carry, Frame]:
        """Advance by the fed frame."""
        time = carry.time + 1
        state, prediction = model.advance(lift(model, carry), carry.state, time)
        return Carry(state, time, prediction.detach()), prediction


build = Repeat
