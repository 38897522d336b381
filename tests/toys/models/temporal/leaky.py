"""A mean over the past that fades, of what a convolution sees."""

from __future__ import annotations

import torch
from torch import Tensor

from fernn.models.temporal import Signal, Space, Temporal, per_frame


class Leaky(Temporal):
    """The share of the past that is kept, and the rest from the frame.

    Args:
        space: where it computes.
        inputs: channels of a frame.
        hidden: channels of the mean.
        share: kept.
    """

    def __init__(self, space: Space, inputs: int, hidden: int, share: float):
        super().__init__()
        self.drive, self.share = space.convolution(inputs, hidden), share

    def forward(self, signal: Signal, state: Tensor | None) -> tuple[Signal, Tensor]:
        """See `Temporal.forward`; the state is the mean."""
        seen = per_frame(self.drive, signal).tanh()
        mean = torch.zeros_like(seen[:, 0]) if state is None else state
        means = []
        for frame in seen.unbind(1):
            mean = torch.lerp(frame, mean, self.share)
            means.append(mean)
        return torch.stack(means, dim=1), mean


def build(space: Space, inputs: int, hidden: int, *, share: float = 0.5) -> Leaky:
    """See `Leaky`."""
    return Leaky(space, inputs, hidden, share)
