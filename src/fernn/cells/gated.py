"""A flow equivariant cell whose state changes only as far as a gate lets it.

Source: flow equivariant world models, arXiv 2601.01075.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from einops import rearrange
from torch import nn

from fernn.cells._base import Lifted, State
from fernn.cells._checks import check_step
from fernn.cells.flow_equivariant._mixing import FeatureMixing
from fernn.cells.flow_equivariant.plain import (
    Activation,
    FlowEquivariantCell,
    Initial,
)
from fernn.flows import Flow
from labrun.errors import require_known

GatedMixing = Literal["none", "lattice"]


class Gate(nn.Module):
    r"""How far each slot takes in a proposal, between the state and the proposal.

    .. math:: \alpha = s\bigl([h; o] \star G + b\bigr), \qquad
       h' = (1 - \alpha) \odot h + \alpha \odot o

    s is the logistic function. Slots share G and b and are not mixed.

    Args:
        convolution: G, from twice the channels to the channels.
        hidden: channels of a slot.
    """

    def __init__(self, convolution: nn.Module, hidden: int):
        super().__init__()
        self.convolution = convolution
        self.bias = nn.Parameter(torch.zeros(hidden))

    def forward(self, kept: State, proposal: State) -> State:
        """The state between what was kept and what is proposed."""
        both = torch.cat([kept, proposal], dim=2)
        logits = self.convolution(rearrange(both, "b v c h w -> (b v) c h w"))
        logits = logits.unflatten(0, both.shape[:2]) + self.bias[:, None, None]
        return torch.lerp(kept, proposal, logits.sigmoid())


class GatedCell(FlowEquivariantCell):
    r"""A step of `FlowEquivariantCell` is a proposal, which a gate takes in.

    .. math::
        o(\nu) &= \sigma\bigl(\psi_1(\nu) \cdot [h_t(\nu) \star W]
                  + f_t \mathbin{\hat\star} U\bigr) \\
        h_{t+1}(\nu) &= (1 - \alpha) \odot \psi_1(\nu) \cdot h_t(\nu)
                        + \alpha \odot o(\nu)

    with the gate of `Gate`, of the moved state and the proposal. It commutes with the
    flow as its parts do: equation 9 of *Flow Equivariant World Models* (arXiv
    2601.01075). The state is a convex mean of what was there and of what is proposed,
    so with :math:`\alpha = 0` a slot remembers for ever.

    With a `mixing` of ``lattice`` slots hear their neighbours in V: the moved state is
    mixed by `FeatureMixing`, and the proposal and the gate have the mixed one. Before
    training that is the identity, so the cell is the one without mixing.

    Args are those of `FlowEquivariantCell`; the order is its first. And:
        mixing: ``none`` or ``lattice``.
        mixing_radius: of a ``lattice``, see `FeatureMixing`.

    Raises:
        UserError: as `FlowEquivariantCell`, or an unknown mixing, or a radius below 1.
    """

    STACKED = None

    def __init__(
        self,
        flow: Flow,
        channels: int = 1,
        hidden: int = 128,
        kernel: int | None = None,
        activation: Activation = "relu",
        initial: Initial = "random",
        mixing: GatedMixing = "none",
        mixing_radius: int = 1,
    ):
        super().__init__(flow, channels, hidden, kernel, activation, initial)
        require_known("mixing", mixing, get_args(GatedMixing))
        self.gate = Gate(self.layer("convolution", 2 * hidden, hidden), hidden)
        self.mixing = None
        if mixing == "lattice":
            self.mixing = FeatureMixing(flow, hidden, self.kernel, mixing_radius)

    @classmethod
    def objection(cls, flow: Flow) -> str | None:
        """See `Cell.objection`: a gate has one number a channel, not an orientation."""
        if flow.fibre != 1:
            return f"a gated cell has no orientations, the flow {flow.fibre} of them"
        return super().objection(flow)

    def forward(self, lifted: Lifted | None, state: State | None) -> State:
        """The next state; see `FlowEquivariantCell.forward`, which raises alike."""
        if state is None or self.mixing is None:
            proposal = super().forward(lifted, state)
            kept = torch.zeros_like(proposal) if state is None else self.move(state)
            return self.gate(kept, proposal)
        check_step(self, lifted, state)
        kept = self.mixing(self.move(state))
        heard = self.convolve(kept)
        return self.gate(
            kept, self._activate(heard if lifted is None else heard + lifted)
        )


def build(
    flow: Flow,
    hidden: int,
    *,
    channels: int = 1,
    kernel: int | None = None,
    activation: Activation = "relu",
    initial: Initial = "random",
    mixing: GatedMixing = "none",
    mixing_radius: int = 1,
) -> GatedCell:
    """A gated cell; see `GatedCell`."""
    return GatedCell(
        flow, channels, hidden, kernel, activation, initial, mixing, mixing_radius
    )
