"""A finite filter over time for each channel: the memory block of an FSMN.

Source: S. Zhang and others, 2015, arXiv 1512.08301.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from fernn.models.temporal import Mixer, Signal, Space, at_least_one, per_frame

LIFTED = True
Past = Float[Tensor, "sample _ channel height width"]


class Fsmn(Mixer):
    r"""The present and some of the past, weighted for each channel.

    .. math::
        p_t = W_2 \, \mathrm{ReLU}(x_t \star W_1 + b), \qquad
        y_t = p_t + \sum_{i=0}^{K-1} a_i \odot p_{t - i s}

    The feedforward sequential memory of MossFormer2 (S. Zhao et al., arXiv 2312.11825),
    of which the past side alone is kept: theirs sees the future too. State of a pixel:
    (K - 1) s frames.

    Args:
        space: where it computes.
        hidden: channels.
        taps: K.
        stride: s, frames.

    Raises:
        UserError: a number below one.
    """

    def __init__(self, space: Space, hidden: int, taps: int = 5, stride: int = 1):
        super().__init__(space, hidden, hidden)
        self.taps, self.stride = at_least_one(taps=taps, stride=stride)
        self.first = space.convolution(hidden, hidden)
        self.second = nn.Conv2d(hidden, hidden, 1, bias=False)
        weight = torch.randn(self.taps, hidden, 1, 1) * self.taps**-0.5
        self.filter = nn.Parameter(weight)

    def mix(self, signal: Signal, state: Past | None) -> tuple[Signal, Past]:
        """See `Mixer.mix`; the state is the newest p."""
        present = per_frame(self.second, F.relu(per_frame(self.first, signal)))
        seen, reach = present.shape[1], (self.taps - 1) * self.stride
        if state is None:
            state = present.new_zeros(len(present), reach, *present.shape[2:])
        whole = torch.cat([state, present], dim=1)
        mixed = present
        for age, weight in enumerate(self.filter):
            first = reach - age * self.stride
            mixed = mixed + weight * whole[:, first : first + seen]
        return mixed, whole[:, seen:]


def build(
    space: Space, inputs: int, hidden: int, *, taps: int = 5, stride: int = 1
) -> Fsmn:
    """See `Fsmn`; its input is lifted."""
    return Fsmn(space, hidden, taps, stride)
