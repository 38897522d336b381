"""A matrix memory corrected by reflections: DeltaProduct, and with one, DeltaNet.

Source: J. Siems and others, DeltaProduct, 2025, arXiv 2502.10297.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from fernn.models.temporal import Mixer, Signal, Space, at_least_one, per_frame

LIFTED = True
Memory = Float[Tensor, "sample head key value height width"]


class Delta(Mixer):
    r"""Several steps of the delta rule for each frame.

    .. math::
        S \leftarrow S + \beta_j k_j (v_j^\top - k_j^\top S), \quad
        j = 1, \dots, n_h, \qquad y_t = S^\top q_t

    with :math:`k = \mathrm{SiLU}(x \star W_k)` of unit length, q alike,
    :math:`v = \mathrm{SiLU}(x \star W_v)` and :math:`\beta = 2 \sigma(x \star W_\beta)`
    (J. Siems et al., arXiv 2502.10297). The transition of a frame differs from the
    identity by a matrix of rank n_h at most; a cyclic shift of n places needs n - 1.
    State of a pixel: heads × width².

    Args:
        space: where it computes.
        hidden: channels of x.
        heads: memories of a pixel.
        width: length of keys and of values.
        householders: n_h.
        reflects: β up to 2, so that eigenvalues reach -1; else up to 1.

    Raises:
        UserError: a number below one.
    """

    def __init__(
        self,
        space: Space,
        hidden: int,
        heads: int = 2,
        width: int = 4,
        householders: int = 2,
        reflects: bool = True,
    ):
        heads, width, count = at_least_one(
            heads=heads, width=width, householders=householders
        )
        super().__init__(space, hidden, heads * width)
        self.heads, self.count, self.largest = heads, count, 2.0 if reflects else 1.0
        self.project = space.convolution(hidden, (1 + 2 * count) * heads * width)
        self.rate = space.convolution(hidden, count * heads)

    def mix(self, signal: Signal, state: Memory | None) -> tuple[Signal, Memory]:
        """See `Mixer.mix`; the state is S."""
        parts = F.silu(per_frame(self.project, signal))
        parts = parts.unflatten(2, (1 + 2 * self.count, self.heads, -1))
        rates = self.largest * torch.sigmoid(per_frame(self.rate, signal))
        rates = rates.unflatten(2, (self.count, self.heads))[:, :, :, :, None, None]
        query = F.normalize(parts[:, :, 0], dim=3)
        keys = F.normalize(parts[:, :, 1 : 1 + self.count], dim=4)
        values = parts[:, :, 1 + self.count :]
        if state is None:
            state = query.new_zeros(*query[:, 0].unsqueeze(3).shape).expand(
                -1, -1, -1, query.shape[3], -1, -1
            )
        outputs = []
        for time in range(signal.shape[1]):
            for j in range(self.count):
                step = keys[:, time, j], values[:, time, j], rates[:, time, j]
                state = corrected(state, *step)
            outputs.append(read(state, query[:, time]).flatten(1, 2))
        return torch.stack(outputs, dim=1), state


def corrected(
    memory: Memory,
    key: Float[Tensor, "sample head key height width"],
    value: Float[Tensor, "sample head value height width"],
    rate: Float[Tensor, "sample head 1 1 height width"],
) -> Memory:
    """One step of the delta rule: what the memory holds at a key, nearer to a value."""
    wrong = (value - read(memory, key)).unsqueeze(2)
    return memory + rate * key.unsqueeze(3) * wrong


def read(
    memory: Memory, query: Float[Tensor, "sample head key height width"]
) -> Float[Tensor, "sample head value height width"]:
    """What a memory holds at a key."""
    return (query.unsqueeze(3) * memory).sum(2)


def build(
    space: Space,
    inputs: int,
    hidden: int,
    *,
    heads: int = 2,
    width: int = 4,
    householders: int = 2,
    reflects: bool = True,
) -> Delta:
    """See `Delta`; its input is lifted."""
    return Delta(space, hidden, heads, width, householders, reflects)
