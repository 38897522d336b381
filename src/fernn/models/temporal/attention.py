"""Causal attention over time, whose state is all the past.

Source: A. Vaswani and others, NeurIPS 2017, arXiv 1706.03762.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from fernn.models.temporal import Mixer, Signal, Space, at_least_one, per_frame

LIFTED = True
Past = Float[Tensor, "sample _ head width_of_head height width"]


class Attention(Mixer):
    r"""Each pixel attends to its own past.

    .. math::
        y_t = \sum_{s \le t} \mathrm{softmax}_s\bigl(
              q_t \cdot k_s / \sqrt{d} - 2^{-8 i / H} (t - s)\bigr)\, v_s

    with q, k, v convolutions of x, and a bias for each head i of H (A. Vaswani et al.,
    arXiv 1706.03762; O. Press et al., arXiv 2108.12409). State of a pixel: two vectors
    of all heads for each frame seen.

    Args:
        space: where it computes.
        hidden: channels of x.
        heads: H.
        width: channels d of a head.

    Raises:
        UserError: a number below one.
    """

    slopes: Float[Tensor, "heads 1 1 1 1"]

    def __init__(self, space: Space, hidden: int, heads: int = 2, width: int = 4):
        heads, width = at_least_one(heads=heads, width=width)
        super().__init__(space, hidden, heads * width)
        self.heads, self.scale = heads, width**-0.5
        self.project = space.convolution(hidden, 3 * heads * width)
        slopes = torch.tensor([2 ** (-8 * (i + 1) / heads) for i in range(heads)])
        self.register_buffer("slopes", slopes.view(-1, 1, 1, 1, 1), persistent=False)

    def mix(
        self, signal: Signal, state: tuple[Past, Past] | None
    ) -> tuple[Signal, tuple[Past, Past]]:
        """See `Mixer.mix`; the state is the keys and values of all frames."""
        parts = per_frame(self.project, signal).unflatten(2, (3, self.heads, -1))
        query, key, value = parts.unbind(2)
        if state is not None:
            key = torch.cat([state[0], key], dim=1)
            value = torch.cat([state[1], value], dim=1)
        scores = torch.einsum("ntgdhw,nsgdhw->ngtshw", query * self.scale, key)
        now = torch.arange(key.shape[1], device=key.device)
        age = now[-query.shape[1] :, None] - now
        age = age[:, :, None, None]
        scores = (scores - self.slopes * age).masked_fill(age < 0, -torch.inf)
        mixed = torch.einsum("ngtshw,nsgdhw->ntgdhw", scores.softmax(3), value)
        return mixed.flatten(2, 3), (key, value)


def build(
    space: Space, inputs: int, hidden: int, *, heads: int = 2, width: int = 4
) -> Attention:
    """See `Attention`; its input is lifted."""
    return Attention(space, hidden, heads, width)
