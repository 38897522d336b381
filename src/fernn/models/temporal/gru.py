"""A gated recurrent unit whose recurrence is diagonal: the ParaGRU.

Source: K. Cho and others, EMNLP 2014, arXiv 1406.1078.
"""

from __future__ import annotations

from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fernn.models.temporal import Signal, Space, Temporal, per_frame
from fernn.models.temporal._newton import Newton
from labrun.errors import require_known

Solver = Literal["loop", "newton"]
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
        solver: ``loop``, step by step; or ``newton``, all times at once, with a check
            and the loop where it fails. On a processor it is faster for long series of
            few numbers alone.

    Attributes:
        newton: the solver, with its counts.

    Raises:
        UserError: an unknown solver.
    """

    def __init__(
        self, space: Space, inputs: int, hidden: int, *, solver: Solver = "loop"
    ):
        super().__init__()
        require_known("solver", solver, get_args(Solver))
        self.newton, self.solver = Newton(step, slope), solver
        self.drive = space.convolution(inputs, 3 * hidden)
        self.own = nn.Parameter(diagonal(3, hidden))
        gate_biases(self.drive, hidden)

    def forward(self, signal: Signal, state: State | None) -> tuple[Signal, State]:
        """See `Temporal.forward`; the state is h."""
        drives = per_frame(self.drive, signal).transpose(0, 1)
        if state is None:
            state = torch.zeros_like(drives[0].chunk(3, dim=1)[0])
        checked = self.solver == "newton" and not signal.is_meta  # which has no numbers
        solve = self.newton if checked else self.newton.loop
        states = solve(drives, state, self.own)
        return states.transpose(0, 1), states[-1]


def step(
    state: Float[Tensor, "*time sample hidden height width"],
    drive: Float[Tensor, "*times sample gates height width"],
    own: Float[Tensor, "3 hidden 1 1"],
) -> Float[Tensor, "*times sample hidden height width"]:
    """The next state, of one time or of all."""
    z, _, c, _ = _gates(state, drive, own)
    return state + z * (c - state)


def slope(
    state: Float[Tensor, "*time sample hidden height width"],
    drive: Float[Tensor, "*time sample gates height width"],
    own: Float[Tensor, "3 hidden 1 1"],
) -> Float[Tensor, "*time sample hidden height width"]:
    """The derivative of each number of the next state by that of the state."""
    z, r, c, h = _gates(state, drive, own)
    of_z = z * (1 - z) * own[0]
    of_c = (1 - c.square()) * own[2] * (r + h * r * (1 - r) * own[1])
    return (1 - z) + (c - h) * of_z + z * of_c


def _gates(
    state: Tensor, drive: Tensor, own: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    z, r, c = drive.chunk(3, dim=-3)
    z, r = torch.sigmoid(z + own[0] * state), torch.sigmoid(r + own[1] * state)
    return z, r, torch.tanh(c + own[2] * (r * state)), state


def diagonal(gates: int, hidden: int) -> Float[Tensor, "gates hidden 1 1"]:
    """Recurrent weights of variance 4 / (5 C), those of ParaRNN."""
    return torch.randn(gates, hidden, 1, 1) * (4 / (5 * hidden)) ** 0.5


@torch.no_grad()
def gate_biases(drive: nn.Conv2d, hidden: int) -> None:
    """Zero, but for the first gate, from 0 to -1 over its channels."""
    assert drive.bias is not None
    drive.bias.zero_()
    drive.bias[:hidden] = -torch.linspace(0, 1, hidden)


build = Gru
