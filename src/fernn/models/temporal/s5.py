"""A diagonal, complex state space model that is the same at all times: S5.

Source: J. T. H. Smith and others, ICLR 2023, arXiv 2208.04933.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Complex
from torch import Tensor, nn

from fernn.models.temporal import (
    ChannelNorm,
    Signal,
    Space,
    Temporal,
    at_least_one,
    per_frame,
)
from fernn.models.temporal._scan import Form, linear_scan

LIFTED = True
STEPS = 0.01, 0.5  # of time, of a frame: memories of 2 to 100 frames
State = Complex[Tensor, "sample state height width"]


class S5(Temporal):
    r"""A linear recurrence of complex states between two convolutions.

    .. math::
        \bar\Lambda &= e^{\Lambda \Delta}, \qquad
        h_t = \bar\Lambda \odot h_{t-1}
              + \Lambda^{-1} (\bar\Lambda - 1) \odot (\mathrm{LN}(x_t) \star B) \\
        x_t &\leftarrow x_t + \mathrm{GELU}([\mathrm{Re}\, h_t, \mathrm{Im}\, h_t]
              \star C + c)

    S5 (J. T. H. Smith et al., arXiv 2208.04933) with the convolutions of ConvS5 (J. T.
    H. Smith et al., NeurIPS 2023), held over a frame (ZOH). Eigenvalues begin at
    :math:`\Lambda_n = -\tfrac12 + i \pi n`, as those of S4D-Lin (A. Gu et al., arXiv
    2206.11893). Their real part is minus an exponential, so no state grows.
    Parameters: :math:`9 \cdot 4 C N + 3 C + 3 N`, for 3×3 kernels.

    Args:
        space: where it computes.
        hidden: channels C of x.
        states: N; None for half of C.
        scan: how the recurrence is computed, see `linear_scan`.

    Raises:
        UserError: a number below one, or an unknown scan.
    """

    def __init__(
        self, space: Space, hidden: int, states: int | None = None, scan: Form = "auto"
    ):
        super().__init__()
        (states,) = at_least_one(
            states=max(1, hidden // 2) if states is None else states
        )
        self.scan: Form = scan
        self.norm = ChannelNorm(hidden)
        self.drive = space.convolution(hidden, 2 * states, bias=False)
        self.out = space.convolution(2 * states, hidden)
        shape = (states, 1, 1)
        self.log_decay = nn.Parameter(torch.full(shape, math.log(0.5)))
        self.frequency = nn.Parameter(
            math.pi * torch.arange(states).float().view(shape)
        )
        low, high = map(math.log, STEPS)
        self.log_step = nn.Parameter(low + (high - low) * torch.rand(shape))

    def forward(self, signal: Signal, state: State | None) -> tuple[Signal, State]:
        """See `Temporal.forward`; the state is h."""
        _, states = self.states(signal, state)
        return self.answer(signal, states), states[-1]

    def states(
        self, signal: Signal, state: State | None
    ) -> tuple[
        Complex[Tensor, "state 1 1"], Complex[Tensor, "time sample state height width"]
    ]:
        r""":math:`\bar\Lambda`, and h after each frame."""
        rate = torch.complex(-self.log_decay.exp(), self.frequency)
        factor = torch.exp(rate * self.log_step.exp())
        real, imaginary = per_frame(self.drive, self.norm(signal)).chunk(2, dim=2)
        drive = torch.complex(real, imaginary).movedim(1, 0) * ((factor - 1) / rate)
        return factor, linear_scan(factor[None, None], drive, state, self.scan)

    def answer(
        self,
        signal: Signal,
        states: Complex[Tensor, "time sample state height width"],
    ) -> Signal:
        """x, from its last value and h."""
        parts = torch.cat([states.real, states.imag], dim=2).movedim(0, 1)
        return signal + F.gelu(per_frame(self.out, parts))


def build(
    space: Space,
    inputs: int,
    hidden: int,
    *,
    states: int | None = None,
    scan: Form = "auto",
) -> S5:
    """See `S5`; its input is lifted."""
    return S5(space, hidden, states, scan)
