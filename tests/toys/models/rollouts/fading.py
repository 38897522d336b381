"""The last observed frame again and again, ever darker."""

from __future__ import annotations

from fernn.models.rollouts import Carry, FeedLast


class Fading(FeedLast):
    """Each prediction is a share of the frame before."""

    recurrent = False

    def __init__(self, share: float):
        self.share = share

    def step(self, model, carry: Carry):
        """The frame that was fed, darker."""
        frame = carry.fed * self.share
        return Carry(carry.state, carry.time + 1, frame), frame


def build(*, share: float = 0.5) -> Fading:
    """A roll-out that keeps a share of the light."""
    return Fading(share)
