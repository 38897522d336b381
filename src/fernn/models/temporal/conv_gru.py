"""A gated recurrent unit whose recurrence is a convolution: the ConvGRU."""

from __future__ import annotations

import torch
from torch import nn

from fernn.models.temporal import Signal, Space, Temporal, per_frame
from fernn.models.temporal._mixing import Hidden, Mixing, Recurrent


class ConvGru(Temporal):
    r"""Gates that see the frame and the state around a pixel.

    .. math::
        z, r &= \sigma(x \star W_{z,r} + h \star U_{z,r} + b_{z,r}) \\
        h' &= z \odot h
              + (1 - z) \odot \tanh(x \star W_c + (r \odot h) \star U_c + b_c)

    (N. Ballas et al., arXiv 1511.06432), with :math:`b_z = 1` at first, so that
    the state is kept. The recurrent convolutions are those of `Recurrent`. Parameters:
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

    def __init__(self, space: Space, inputs: int, hidden: int, mixing: Mixing = "none"):
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
            gates = torch.sigmoid(drive[:, : 2 * width] + self.gates(hidden, time))
            z, r = gates.chunk(2, dim=1)
            candidate = drive[:, 2 * width :] + self.candidate(r * hidden, time)
            hidden = torch.lerp(torch.tanh(candidate), hidden, z)
            outputs.append(hidden)
        return torch.stack(outputs, dim=1), (hidden, seen + len(outputs))


def build(
    space: Space, inputs: int, hidden: int, *, mixing: Mixing = "none"
) -> ConvGru:
    """See `ConvGru`."""
    return ConvGru(space, inputs, hidden, mixing)
