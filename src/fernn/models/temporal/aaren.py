"""Attention over the past by a query that does not depend on it: Aaren.

Source: L. Feng and others, 2024, arXiv 2405.13956.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from fernn.models.temporal import Mixer, Signal, Space, at_least_one, per_frame

LIFTED = True
State = tuple[
    Float[Tensor, "sample head 1 height width"],
    Float[Tensor, "sample head 1 height width"],
    Float[Tensor, "sample head width_of_head height width"],
]


class Aaren(Mixer):
    r"""A softmax over all frames so far, in a state that does not grow with them.

    .. math::
        y_t = \frac{\sum_{s \le t} e^{s_s - \lambda (t - s)} v_s}
                   {\sum_{s \le t} e^{s_s - \lambda (t - s)}}, \qquad
        s_t = x_t \star W_s, \quad v_t = x_t \star W_v

    It is computed from the largest exponent m, the denominator and the numerator. The
    score is that of a learned query, which does not depend on the input (L. Feng et
    al., arXiv 2405.13956). Their layer has no decay (:math:`\lambda = 0`), so it does
    not know the order of the past. State of a pixel: heads × (2 + width).

    Args:
        space: where it computes.
        hidden: channels of x.
        heads: each with its own scores.
        width: channels of a head.
        decay: whether there is a learned λ > 0 for each head.

    Raises:
        UserError: a number below one.
    """

    def __init__(
        self,
        space: Space,
        hidden: int,
        heads: int = 2,
        width: int = 4,
        decay: bool = True,
    ):
        heads, width = at_least_one(heads=heads, width=width)
        super().__init__(space, hidden, heads * width)
        self.heads = heads
        self.score = space.convolution(hidden, heads, bias=False)  # it would cancel
        self.value = space.convolution(hidden, heads * width)
        self.rate = nn.Parameter(torch.zeros(heads, 1, 1, 1)) if decay else None

    def mix(self, signal: Signal, state: State | None) -> tuple[Signal, State]:
        """See `Mixer.mix`; the state is m, denominator and numerator."""
        scores = per_frame(self.score, signal).unsqueeze(3)
        values = per_frame(self.value, signal).unflatten(2, (self.heads, -1))
        faded = 0.0 if self.rate is None else F.softplus(self.rate)
        outputs = []
        for score, value in zip(scores.unbind(1), values.unbind(1), strict=True):
            if state is None:
                state = score, torch.ones_like(score), value
            else:
                largest, below, above = state
                peak = torch.maximum(largest - faded, score)
                old, new = torch.exp(largest - faded - peak), torch.exp(score - peak)
                state = peak, below * old + new, above * old + value * new
            outputs.append((state[2] / state[1]).flatten(1, 2))
        assert state is not None
        return torch.stack(outputs, dim=1), state


def build(
    space: Space,
    inputs: int,
    hidden: int,
    *,
    heads: int = 2,
    width: int = 4,
    decay: bool = True,
) -> Aaren:
    """See `Aaren`; its input is lifted."""
    return Aaren(space, hidden, heads, width, decay)
