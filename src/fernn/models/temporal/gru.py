"""A gated recurrent unit whose recurrence is diagonal: the ParaGRU."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fernn.models.temporal import Signal, Space, Temporal, per_frame

State = Float[Tensor, "sample hidden height width"]


class Gru(Temporal):
    r"""Gates that see the frame around a pixel and the unit's own past, no other's.

    .. math::
        z &= \sigma(a_z \odot h + x \star B_z + b_z) \\
        r &= \sigma(a_r \odot h + x \star B_r + b_r) \\
        c &= \tanh(a_c \odot r \odot h + x \star B_c + b_c) \\
        h' &= (1 - z) \odot h + z \odot c

    The diagonal recurrence is that of ParaRNN (F. Danieli et al., arXiv 2510.21450);
    here the input map B is a convolution. Parameters: :math:`9 \cdot 3 C_\mathrm{in} C
    + 6 C` for 3×3 kernels.

    Args:
        space: where it computes.
        inputs: channels of x.
        hidden: channels C of h, which it returns.
    """

    def __init__(self, space: Space, inputs: int, hidden: int):
        super().__init__()
        self.drive = space.convolution(inputs, 3 * hidden)
        self.own = nn.Parameter(diagonal(3, hidden))
        gate_biases(self.drive, hidden)

    def forward(self, signal: Signal, state: State | None) -> tuple[Signal, State]:
        """See `Temporal.forward`; the state is h."""
        update, reset, candidate = self.own
        outputs = []
        for drive in per_frame(self.drive, signal).unbind(1):
            z, r, c = drive.chunk(3, dim=1)
            if state is None:
                state = torch.zeros_like(z)
            z = torch.sigmoid(z + update * state)
            r = torch.sigmoid(r + reset * state)
            c = torch.tanh(c + candidate * (r * state))
            state = torch.lerp(state, c, z)
            outputs.append(state)
        assert state is not None
        return torch.stack(outputs, dim=1), state


def diagonal(gates: int, hidden: int) -> Float[Tensor, "gates hidden 1 1"]:
    """Recurrent weights of variance 4 / (5 C), those of ParaRNN."""
    return torch.randn(gates, hidden, 1, 1) * (4 / (5 * hidden)) ** 0.5


@torch.no_grad()
def gate_biases(drive: nn.Conv2d, hidden: int) -> None:
    """Zero, but for the first gate, from 0 to -1 over its channels."""
    assert drive.bias is not None
    drive.bias.zero_()
    drive.bias[:hidden] = -torch.linspace(0, 1, hidden)


def build(space: Space, inputs: int, hidden: int) -> Gru:
    """It has no options."""
    return Gru(space, inputs, hidden)
