"""A long short-term memory whose recurrence is diagonal: the ParaLSTM.

Source: S. Hochreiter, J. Schmidhuber, Neural Computation 1997.
"""

from __future__ import annotations

from typing import get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fernn.models.temporal import Signal, Space, Temporal, per_frame
from fernn.models.temporal._newton import Blocks, Newton
from fernn.models.temporal.gru import Solver, diagonal, gate_biases
from labrun.errors import require_known

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
        solver: ``loop`` or ``newton``, as of `gru`; h and c of a unit are a block.

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
        self.newton, self.solver = Newton(step, slope, Blocks), solver
        self.drive = space.convolution(inputs, 3 * hidden)
        self.own = nn.Parameter(diagonal(3, hidden))
        self.peep = nn.Parameter(diagonal(2, hidden))
        gate_biases(self.drive, hidden)

    def forward(self, signal: Signal, state: Pair | None) -> tuple[Signal, Pair]:
        """See `Temporal.forward`; the state is (h, c)."""
        drives = per_frame(self.drive, signal).transpose(0, 1)
        zero = torch.zeros_like(drives[0].chunk(3, dim=1)[0])
        initial = torch.stack(state or (zero, zero))
        checked = self.solver == "newton" and not signal.is_meta  # which has no numbers
        solve = self.newton if checked else self.newton.loop
        states = solve(drives, initial, torch.cat([self.own, self.peep]))
        hidden, memory = states.unbind(1)
        return hidden.transpose(0, 1), (hidden[-1], memory[-1])


def step(
    state: Float[Tensor, "*time 2 sample hidden height width"],
    drive: Float[Tensor, "*times sample gates height width"],
    own: Float[Tensor, "5 hidden 1 1"],
) -> Float[Tensor, "*times 2 sample hidden height width"]:
    """The next (h, c), of one time or of all."""
    *_, o, memory = _gates(state, drive, own)
    return torch.stack([o * torch.tanh(memory), memory], dim=-5)


def slope(
    state: Float[Tensor, "*time 2 sample hidden height width"],
    drive: Float[Tensor, "*time sample gates height width"],
    own: Float[Tensor, "5 hidden 1 1"],
) -> Float[Tensor, "*time 2 2 sample hidden height width"]:
    """The derivatives of the next (h, c), rows, by each number of (h, c), columns."""
    f, g, o, memory = _gates(state, drive, own)
    forget, write, read, peep_f, peep_o = own
    of_f = f * (1 - f) * (state.select(-5, 1) - g)
    memory_by_h = of_f * forget + (1 - f) * (1 - g.square()) * write
    memory_by_c = of_f * peep_f + f
    seen, of_o = torch.tanh(memory), o * (1 - o)
    by_memory = of_o * peep_o * seen + o * (1 - seen.square())
    hidden_by_h = of_o * read * seen + by_memory * memory_by_h
    rows = (hidden_by_h, by_memory * memory_by_c), (memory_by_h, memory_by_c)
    return torch.stack([torch.stack(row, dim=-5) for row in rows], dim=-6)


def _gates(
    state: Tensor, drive: Tensor, own: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Both gates, the candidate between them, and the new memory."""
    (hidden, memory), (f, g, o) = state.unbind(-5), drive.chunk(3, dim=-3)
    forget, write, read, peep_f, peep_o = own
    f = torch.sigmoid(f + forget * hidden + peep_f * memory)
    g = torch.tanh(g + write * hidden)
    memory = torch.lerp(g, memory, f)
    return f, g, torch.sigmoid(o + read * hidden + peep_o * memory), memory


build = Lstm
