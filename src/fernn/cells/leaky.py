"""A FERNN whose channels leak with time constants of their own, which are trained.

Source: S. Khajehabdollahi and others, Emergent mechanisms for long timescales, ICLR
2024, arXiv 2309.12927.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from fernn.cells._base import Lifted, State
from fernn.cells._checks import check_step
from fernn.cells.flow_equivariant.plain import (
    Activation,
    FlowEquivariantCell,
    Initial,
)
from fernn.flows import Flow
from labrun.errors import UserError


class LeakyCell(FlowEquivariantCell):
    r"""Each channel keeps a part of its moved state.

    .. math::
        h_{t+1}(\nu) = \bigl(1 - \tfrac{1}{\tau}\bigr) \, \psi_1(\nu) \cdot h_t(\nu)
            + \tfrac{1}{\tau} \, \sigma\bigl([\psi_1(\nu) \cdot h_t(\nu)] \star W
            + [f_t \mathbin{\hat\star} U](\nu)\bigr)

    The time constant :math:`\tau_c = 1 + \ln(1 + e^{\theta_c}) \ge 1` of a channel is
    the same in all slots and pixels, and what leaks is the moved state, so that the
    cell is as flow equivariant as the one without, which is that of τ = 1. After S.
    Khajehabdollahi and others, ICLR 2024 (arXiv 2309.12927), whose nonlinearity is
    outside of the sum and whose τ is clamped to 1.

    Args:
        flow: V and its action.
        channels: channels of a frame.
        hidden: channels of each slot of the state.
        kernel: side of the kernels; None for the flow's own.
        activation: ``relu`` or ``tanh``.
        initial: the recurrent kernel, see `FlowEquivariantCell`.
        timescale: τ of all channels before training, frames, at least 1.

    Raises:
        UserError: as `FlowEquivariantCell`, or a timescale below 1.
    """

    def __init__(
        self,
        flow: Flow,
        channels: int = 1,
        hidden: int = 128,
        kernel: int | None = None,
        activation: Activation = "relu",
        initial: Initial = "random",
        timescale: float = 1.5,
    ):
        super().__init__(
            flow, channels, hidden, kernel, activation, initial, "move_first"
        )
        if not 1 <= timescale < math.inf:
            raise UserError(f"a timescale is at least 1 frame, got {timescale}")
        above = timescale - 1
        begin = math.log(math.expm1(above)) if above else -math.inf
        self.theta = nn.Parameter(torch.full((self.hidden,), begin))

    def timescales(self) -> Float[Tensor, " hidden"]:
        """τ of each channel, frames."""
        return 1 + F.softplus(self.theta)

    def forward(self, lifted: Lifted | None, state: State | None) -> State:
        """See `FlowEquivariantCell.forward`."""
        check_step(self, lifted, state)
        share = (1 / self.timescales()).repeat(self.flow.fibre)[:, None, None]
        if state is None:
            assert lifted is not None
            return self.for_each_slot(share * self._activate(lifted))
        kept = self.move(state)
        signal = self.convolve(kept)
        new = self._activate(signal if lifted is None else signal + lifted)
        return (1 - share) * kept + share * new


def build(
    flow: Flow,
    hidden: int,
    *,
    channels: int = 1,
    kernel: int | None = None,
    activation: Activation = "relu",
    initial: Initial = "random",
    timescale: float = 1.5,
) -> LeakyCell:
    """A leaky cell; see `LeakyCell`."""
    return LeakyCell(flow, channels, hidden, kernel, activation, initial, timescale)
