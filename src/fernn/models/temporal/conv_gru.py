"""A gated recurrent unit whose recurrence is a convolution: the ConvGRU.

Source: N. Ballas and others, ICLR 2016, arXiv 1511.06432.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import nn

from fernn.models.convgru import recurrence
from fernn.models.temporal import Signal, Space, Temporal, per_frame
from fernn.models.temporal._mixing import Hidden, Mixing, Recurrent


class ConvGru(Temporal):
    r"""The recurrence of `fernn.models.convgru` in the frames of slots.

    Its sums are :math:`x \star W + h \star U + b`, with the recurrent convolutions
    of `Recurrent`. Parameters:
    :math:`9 \cdot 3 (C_\mathrm{in} + K C) C + 3 C` for 3×3 kernels, with K = 1 unmixed
    and 9 where a slot gets its neighbours in the plane.

    Args:
        space: where it computes.
        inputs: channels of x.
        hidden: channels C of h, which it returns.
        mixing: of slots, ``none`` or ``lattice``.

    Raises:
        UserError: an unknown mixing.
    """

    def __init__(
        self, space: Space, inputs: int, hidden: int, *, mixing: Mixing = "none"
    ):
        super().__init__()
        self.drive = space.convolution(inputs, 3 * hidden)
        self.gates = Recurrent(space, hidden, 2 * hidden, mixing)
        self.candidate = Recurrent(space, hidden, hidden, mixing)
        assert self.drive.bias is not None
        nn.init.ones_(self.drive.bias.data[:hidden])

    def forward(
        self, signal: Signal, state: tuple[Hidden, int] | None
    ) -> tuple[Signal, tuple[Hidden, int]]:
        """See `Temporal.forward`; the state is h and the number of frames."""
        drives = per_frame(self.drive, signal)
        width = drives.shape[2] // 3
        hidden, seen = state or (torch.zeros_like(drives[:, 0, :width]), 0)
        outputs = []
        for time, drive in enumerate(drives.unbind(1), start=seen - 1):
            gates = drive[:, : 2 * width] + self.gates(hidden, time)
            candidate = partial(self._candidate, drive[:, 2 * width :], time)
            hidden = recurrence(gates, candidate, hidden)
            outputs.append(hidden)
        return torch.stack(outputs, dim=1), (hidden, seen + len(outputs))

    def _candidate(self, drive: Hidden, time: int, scaled: Hidden) -> Hidden:
        return drive + self.candidate(scaled, time)


build = ConvGru
