"""A state space model that is linear attention with a decay: Mamba-2's SSD.

Source: T. Dao, A. Gu, ICML 2024, arXiv 2405.21060.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from fernn.models.temporal import Mixer, Signal, Space, at_least_one, per_frame
from fernn.models.temporal._scan import Form, first_steps, linear_scan

LIFTED = True
State = Float[Tensor, "sample head width_of_key width_of_head height width"]


class Ssd(Mixer):
    r"""Each head has a matrix state, which decays as a whole.

    .. math::
        \Delta_t &= \mathrm{softplus}(x_t \star W_\Delta + b) \\
        h_t &= e^{-\Delta_t A}\, h_{t-1} + \Delta_t\, k_t v_t^\top, \qquad
        y_t = h_t^\top q_t / \sqrt{d}

    with q, k, v convolutions of x, as in `Attention`, whose weights it can begin with:
    without a decay and with :math:`\Delta = 1` it is attention without a softmax,
    :math:`y_t = \sum_{s \le t} (q_t \cdot k_s) v_s / \sqrt{d}`. In the terms of T. Dao
    and A. Gu, arXiv 2405.21060, k is B, q is C and v is x; their gate, their direct
    path and their short convolution over time are left out. State of a pixel:
    heads × d².

    Args:
        space: where it computes.
        hidden: channels of x.
        heads: how many.
        width: channels d of a head.
        scan: how the recurrence is computed, see `linear_scan`.

    Raises:
        UserError: a number below one, or an unknown scan.
    """

    def __init__(
        self,
        space: Space,
        hidden: int,
        heads: int = 2,
        width: int = 4,
        scan: Form = "auto",
    ):
        heads, width = at_least_one(heads=heads, width=width)
        super().__init__(space, hidden, heads * width)
        self.heads, self.scale = heads, width**-0.5
        self.scan: Form = scan
        self.project = space.convolution(hidden, 3 * heads * width)
        self.step = space.convolution(hidden, heads)
        self.log_decay = nn.Parameter(torch.zeros(heads))
        self.step.bias = nn.Parameter(first_steps(heads))

    def mix(self, signal: Signal, state: State | None) -> tuple[Signal, State]:
        """See `Mixer.mix`; the state is h."""
        parts = per_frame(self.project, signal).unflatten(2, (3, self.heads, -1))
        query, key, value = parts.unbind(2)
        step = F.softplus(per_frame(self.step, signal))[:, :, :, None, None]
        keep = torch.exp(-step * self.log_decay.exp().view(-1, 1, 1, 1, 1))
        drive = step * key.unsqueeze(4) * value.unsqueeze(3)
        states = linear_scan(keep.movedim(1, 0), drive.movedim(1, 0), state, self.scan)
        mixed = torch.einsum("ntgdhw,tngdehw->ntgehw", query * self.scale, states)
        return mixed.flatten(2, 3), states[-1]


def build(
    space: Space,
    inputs: int,
    hidden: int,
    *,
    heads: int = 2,
    width: int = 4,
    scan: Form = "auto",
) -> Ssd:
    """See `Ssd`; its input is lifted."""
    return Ssd(space, hidden, heads, width, scan)
