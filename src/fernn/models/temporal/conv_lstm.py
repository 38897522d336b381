"""A long short-term memory whose recurrence is a convolution: the ConvLSTM.

Source: X. Shi and others, NeurIPS 2015, arXiv 1506.04214.
"""

from __future__ import annotations

import torch
from torch import nn

from fernn.models.convlstm import recurrence
from fernn.models.temporal import Signal, Space, Temporal, per_frame
from fernn.models.temporal._mixing import Hidden, Mixing, Recurrent

State = tuple[Hidden, Hidden, int]


class ConvLstm(Temporal):
    r"""The recurrence of `fernn.models.convlstm` in the frames of slots.

    Its sums are :math:`x \star W + h \star U + b`, with the recurrent convolution of
    `Recurrent`. Parameters:
    :math:`9 \cdot 4 (C_\mathrm{in} + K C) C + 4 C` for 3×3 kernels, with K = 1 unmixed
    and 9 where a slot gets its neighbours in the plane.

    Args:
        space: where it computes.
        inputs: channels of x.
        hidden: channels C of h, which it returns, and of c.
        mixing: of slots, ``none`` or ``lattice``.

    Raises:
        UserError: an unknown mixing.
    """

    def __init__(
        self, space: Space, inputs: int, hidden: int, *, mixing: Mixing = "none"
    ):
        super().__init__()
        self.drive = space.convolution(inputs, 4 * hidden)
        self.gates = Recurrent(space, hidden, 4 * hidden, mixing)
        assert self.drive.bias is not None
        nn.init.ones_(self.drive.bias.data[hidden : 2 * hidden])

    def forward(self, signal: Signal, state: State | None) -> tuple[Signal, State]:
        """See `Temporal.forward`; the state is (h, c) and the number of frames."""
        drives = per_frame(self.drive, signal)
        zero = torch.zeros_like(drives[:, 0].chunk(4, dim=1)[0])
        hidden, memory, seen = state or (zero, zero, 0)
        outputs = []
        for time, drive in enumerate(drives.unbind(1), start=seen - 1):
            gates = drive + self.gates(hidden, time)
            hidden, memory = recurrence(gates, memory)
            outputs.append(hidden)
        return torch.stack(outputs, dim=1), (hidden, memory, seen + len(outputs))


build = ConvLstm
