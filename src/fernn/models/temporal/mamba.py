"""A state space model that selects by its input what it remembers: Mamba's S6.

Source: A. Gu, T. Dao, 2023, arXiv 2312.00752.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from fernn.models.temporal import Mixer, Signal, Space, at_least_one, per_frame
from fernn.models.temporal._scan import Form, first_steps, linear_scan

LIFTED = True
State = Float[Tensor, "sample channel state height width"]


class Mamba(Mixer):
    r"""Each channel has N states, whose step of time depends on the frame.

    .. math::
        u_t &= \mathrm{SiLU}(x_t \star W_u), \qquad
        \Delta_t = \mathrm{softplus}(u_t \star W_\Delta + b), \qquad
        B_t, C_t = u_t \star W_B, u_t \star W_C \\
        h_t &= e^{\Delta_t A} \odot h_{t-1} + \Delta_t B_t u_t \\
        y_t &= \bigl(\textstyle\sum_n C_{tn} h_{tn} + D \odot u_t\bigr)
               \odot \mathrm{SiLU}(x_t \star W_g)

    The selective state space of A. Gu, T. Dao, arXiv 2312.00752, with :math:`A_n = -n`
    at first and without its short convolution over time. State of a pixel: C × N.

    Args:
        space: where it computes.
        hidden: channels C.
        states: N.
        scan: how the recurrence is computed, see `linear_scan`.

    Raises:
        UserError: a number below one, or an unknown scan.
    """

    def __init__(self, space: Space, hidden: int, states: int = 8, scan: Form = "auto"):
        super().__init__(space, hidden, hidden)
        (self.states,) = at_least_one(states=states)
        self.scan: Form = scan
        self.enter = space.convolution(hidden, 2 * hidden)
        self.step = space.convolution(hidden, hidden)
        self.select = space.convolution(hidden, 2 * self.states, bias=False)
        numbers = torch.arange(1, self.states + 1).float()
        self.log_decay = nn.Parameter(numbers.log().repeat(hidden, 1)[..., None, None])
        self.direct = nn.Parameter(torch.ones(hidden, 1, 1))
        self.step.bias = nn.Parameter(first_steps(hidden))

    def mix(self, signal: Signal, state: State | None) -> tuple[Signal, State]:
        """See `Mixer.mix`; the state is h."""
        enter, gate = per_frame(self.enter, signal).chunk(2, dim=2)
        enter = F.silu(enter)
        step = F.softplus(per_frame(self.step, enter)).unsqueeze(3)
        write, read = per_frame(self.select, enter).unsqueeze(2).chunk(2, dim=3)
        keep = torch.exp(-step * self.log_decay.exp())
        drive = step * write * enter.unsqueeze(3)
        states = linear_scan(keep.movedim(1, 0), drive.movedim(1, 0), state, self.scan)
        mixed = (states.movedim(0, 1) * read).sum(3) + self.direct * enter
        return mixed * F.silu(gate), states[-1]


def build(
    space: Space, inputs: int, hidden: int, *, states: int = 8, scan: Form = "auto"
) -> Mamba:
    """See `Mamba`; its input is lifted."""
    return Mamba(space, hidden, states, scan)
