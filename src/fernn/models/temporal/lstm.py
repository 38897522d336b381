"""A long short-term memory whose recurrence is diagonal: the ParaLSTM."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fernn.models.temporal import Signal, Space, Temporal, per_frame
from fernn.models.temporal.gru import diagonal, gate_biases

Pair = tuple[
    Float[Tensor, "sample hidden height width"],
    Float[Tensor, "sample hidden height width"],
]


class Lstm(Temporal):
    r"""One gate forgets and writes, and the gates see the memory: peepholes.

    .. math::
        f &= \sigma(a_f \odot h + p_f \odot c + x \star B_f + b_f) \\
        g &= \tanh(a_g \odot h + x \star B_g + b_g) \\
        c' &= f \odot c + (1 - f) \odot g \\
        o &= \sigma(a_o \odot h + p_o \odot c' + x \star B_o + b_o) \\
        h' &= o \odot \tanh c'

    The output gate sees the new memory. The diagonal recurrence is that of ParaRNN (F.
    Danieli et al., arXiv 2510.21450); here B is a convolution. Parameters: :math:`9
    \cdot 3 C_\mathrm{in} C + 8 C` for 3×3 kernels.

    Args:
        space: where it computes.
        inputs: channels of x.
        hidden: channels C of h, which it returns, and of c.
    """

    def __init__(self, space: Space, inputs: int, hidden: int):
        super().__init__()
        self.drive = space.convolution(inputs, 3 * hidden)
        self.own = nn.Parameter(diagonal(3, hidden))
        self.peep = nn.Parameter(diagonal(2, hidden))
        gate_biases(self.drive, hidden)

    def forward(self, signal: Signal, state: Pair | None) -> tuple[Signal, Pair]:
        """See `Temporal.forward`; the state is (h, c)."""
        forget, write, read = self.own
        drives = per_frame(self.drive, signal)
        zero = torch.zeros_like(drives[:, 0].chunk(3, dim=1)[0])
        hidden, memory = state or (zero, zero)
        outputs = []
        for drive in drives.unbind(1):
            f, g, o = drive.chunk(3, dim=1)
            f = torch.sigmoid(f + forget * hidden + self.peep[0] * memory)
            g = torch.tanh(g + write * hidden)
            memory = torch.lerp(g, memory, f)
            o = torch.sigmoid(o + read * hidden + self.peep[1] * memory)
            hidden = o * torch.tanh(memory)
            outputs.append(hidden)
        return torch.stack(outputs, dim=1), (hidden, memory)


def build(space: Space, inputs: int, hidden: int) -> Lstm:
    """It has no options."""
    return Lstm(space, inputs, hidden)
