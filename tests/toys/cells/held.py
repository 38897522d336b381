"""A recurrence with a gate, as in a ConvGRU without reset, whose slots move."""

from __future__ import annotations

import torch

from fernn.cells import Cell, Lifted, State
from fernn.flows import Flow


class HeldCell(Cell):
    """The next state is between the old one, moved, and a new one, by a learned gate.

    Args are those of `Cell`.
    """

    def __init__(self, flow: Flow, hidden: int, kernel: int):
        super().__init__(flow, hidden=hidden, kernel=kernel)
        self.conv_h = self.layer("convolution", hidden, 2 * hidden)

    def forward(self, lifted: Lifted | None, state: State | None) -> State:
        """See `Cell.forward`."""
        if state is None:
            assert lifted is not None
            return self.for_each_slot(lifted).tanh()
        images = self.conv_h(state.flatten(0, 1)).unflatten(0, state.shape[:2])
        gate, new = images.chunk(2, dim=2)
        new = self.move(new) if lifted is None else self.move(new) + lifted
        return torch.lerp(self.move(state), new.tanh(), self.move(gate).sigmoid())


def build(flow: Flow, hidden: int, *, kernel: int = 3) -> HeldCell:
    """A cell that holds its state from a specification."""
    return HeldCell(flow, hidden, kernel)
