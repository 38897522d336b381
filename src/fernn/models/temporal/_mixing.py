r"""The recurrent convolution of a cell, which may mix the slots of V.

In the frames that move with the slots, what slot :math:`\nu` gets from
:math:`\nu'` after t frames is moved by their difference:

.. math::
    [h \star W](\nu) = \sum_{\nu' \in V}
        \psi_t(\nu' - \nu) \cdot \bigl[h(\nu') \star W(\nu' - \nu)\bigr]

which is the sum over V of the paper's flow convolution, seen from slot :math:`\nu`.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from fernn.cells.flow_equivariant._mixing import offsets
from fernn.flows import Flow, Velocity
from fernn.models.temporal import Space
from labrun.errors import require_known

Mixing = Literal["none", "lattice"]
Hidden = Float[Tensor, "sample _ height width"]


class Recurrent(nn.Module):
    """A convolution of the state, without bias.

    Args:
        space: where it computes.
        inputs: channels of a slot.
        outputs: channels likewise.
        mixing: ``none``, or ``lattice``: every slot gets its neighbours on V's lattice
            too, with a kernel for each difference; nothing from beyond a truncated V.

    Raises:
        UserError: an unknown mixing.
    """

    sources: Int[Tensor, "offset slot"]

    def __init__(self, space: Space, inputs: int, outputs: int, mixing: Mixing):
        super().__init__()
        require_known("mixing", mixing, get_args(Mixing))
        self.flow, self.outputs = space.flow, outputs
        still = [tuple(0 for _ in space.flow.velocities[0])]
        self.apart = offsets(space.flow, 1) if mixing == "lattice" else still
        self.weight = space.convolution(inputs, len(self.apart) * outputs, bias=False)
        with torch.no_grad():  # as if the sum over differences were one convolution
            self.weight.weight /= len(self.apart) ** 0.5
        table = torch.tensor(_sources(space.flow, self.apart))
        self.register_buffer("sources", table, persistent=False)

    def forward(self, state: Hidden, time: int) -> Hidden:
        """The convolved state, of `time` frames before the newest one of it."""
        if len(self.apart) == 1:
            return self.weight(state)
        slots = len(self.flow.velocities)
        sent = self.weight(state).unflatten(1, (-1, self.outputs))
        sent = sent.unflatten(0, (-1, slots))
        received = torch.zeros_like(sent[:, :, 0])
        for place, offset in enumerate(self.apart):
            moved = self.flow.act(sent[:, :, place], offset, time)
            with_zero = F.pad(moved, 3 * (0, 0) + (0, 1))  # for what V does not hold
            received = received + with_zero.index_select(1, self.sources[place])
        return received.flatten(0, 1)


def _sources(flow: Flow, apart: list[Velocity]) -> list[list[int]]:
    """For each difference, the slot that each slot gets; one past V for none."""
    table = []
    for offset in apart:
        opposite = tuple(-part for part in offset)
        found = [flow.difference(nu, opposite) for nu in flow.velocities]
        table.append([len(found) if slot is None else slot for slot in found])
    return table
