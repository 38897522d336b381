"""Classical gates whose recurrent weights are blocks of heads: FlashRNN's cells.

Source: K. Pöppel and others, FlashRNN, ICLR 2025, arXiv 2412.07752.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from fernn.models.temporal import (
    Signal,
    Space,
    Temporal,
    _flashrnn,
    at_least_one,
    per_frame,
)
from labrun.errors import UserError, require_known

Rule = Literal["lstm", "gru", "elman", "slstm"]
Execution = Literal["torch", "flashrnn"]
Heads = Float[Tensor, "pixel head channel"]
Gates = Float[Tensor, "gate pixel head channel"]
States = tuple[Heads, ...]  # h first


class FlashRnn(Temporal):
    r"""A recurrent layer of each pixel, whose heads do not see one another.

    .. math:: g_t = x_t \star B + b, \qquad r_t = R\, h_{t-1}, \qquad
        R = \mathrm{diag}(R^{(1)}, \dots, R^{(N)}) \text{ for each gate}

    and with :math:`a = g + r` of each gate

    .. math::
        \text{elman:}\quad h' &= \tanh a \\
        \text{gru:}\quad h' &= \sigma(a_z) \odot h + (1 - \sigma(a_z)) \odot
            \tanh\bigl(g_n + \sigma(a_r) \odot (r_n + b_n)\bigr) \\
        \text{lstm:}\quad c' &= \sigma(a_f) \odot c + \sigma(a_i) \odot \tanh a_z,
            \quad h' = \sigma(a_o) \odot \tanh c' \\
        \text{slstm:}\quad c' &= \sigma(a_f) \odot c + e^{a_i} \odot \tanh a_z,
            \quad n' = \sigma(a_f) \odot n + e^{a_i},
            \quad h' = \sigma(a_o) \odot c' / n'

    FlashRNN (K. Pöppel et al., arXiv 2412.07752); B is a convolution. With the
    execution ``flashrnn`` a GPU runs the kernels of that package, which must be
    installed; a processor has PyTorch in both. With one head the first three are
    torch's ``RNN``, ``GRU`` and ``LSTM``. The sLSTM keeps c and n divided by
    :math:`e^m`, with m the largest exponent so far, since :math:`e^{a_i}` overflows.
    Parameters with 3×3 kernels, of G gates (1, 3, 4, 4): :math:`G (9 C_\mathrm{in} C +
    C^2 / N + C)`, and C more for ``gru``.

    Args:
        space: where it computes.
        inputs: channels of x.
        hidden: channels C of h, which it returns, and of the other states.
        rule: ``lstm``, ``gru``, ``elman`` or ``slstm``.
        heads: N, which divides C.
        execution: ``torch``, or ``flashrnn``.

    Raises:
        UserError: an unknown rule or execution, a number below one, or heads that do
            not divide the channels.
    """

    def __init__(
        self,
        space: Space,
        inputs: int,
        hidden: int,
        *,
        rule: Rule = "slstm",
        heads: int = 1,
        execution: Execution = "torch",
    ):
        super().__init__()
        require_known("rule", rule, get_args(Rule))
        require_known("execution", execution, get_args(Execution))
        self.kind, self.execution = rule, execution
        (heads,) = at_least_one(heads=heads)
        if hidden % heads:
            raise UserError(f"heads must divide the {hidden} channels, got {heads}")
        self.rule, self.heads = RULES[rule], heads
        self.drive = space.convolution(inputs, self.rule.gates * hidden)
        width = hidden // heads
        shape = (self.rule.gates, heads, width, width)
        self.recurrent = nn.Parameter(torch.empty(shape).uniform_(-1, 1) / width**0.5)
        self.inner_bias = None
        if rule == "gru":
            self.inner_bias = nn.Parameter(torch.zeros(heads, width))

    def forward(self, signal: Signal, state: States | None) -> tuple[Signal, States]:
        """See `Temporal.forward`; of the states the first is h.

        Raises:
            UserError: the execution is ``flashrnn``, on a GPU without the package or
                one that cannot run it.
        """
        split = "b t (g n c) y x -> t g (b y x) n c"
        gates, heads = self.rule.gates, self.heads
        drives = rearrange(per_frame(self.drive, signal), split, g=gates, n=heads)
        series, state = self._series(drives, state)
        height, width = signal.shape[3:]
        joined = "t (b y x) n c -> b t (n c) y x"
        return rearrange(series, joined, y=height, x=width), state

    def _series(self, drives: Tensor, state: States | None) -> tuple[Tensor, States]:
        if self.execution == "flashrnn" and drives.is_cuda:
            _flashrnn.require(drives.device)
            weights = self.recurrent, self.inner_bias
            return _flashrnn.series(self.kind, drives, *weights, state)
        if state is None:
            state = self.rule.empty(torch.zeros_like(drives[0][0]))
        outputs = []
        for drive in drives.unbind(0):
            found = torch.einsum("gnij,pnj->gpni", self.recurrent, state[0])
            if self.inner_bias is not None:
                found = torch.cat([found[:2], found[2:] + self.inner_bias])
            state = self.rule.step(drive, found, state)
            outputs.append(state[0])
        return torch.stack(outputs), state


def elman(drive: Gates, found: Gates, state: States) -> States:
    """One gate."""
    return ((drive + found)[0].tanh(),)


def gru(drive: Gates, found: Gates, state: States) -> States:
    """Gates r, z and n, in torch's order; r scales what n gets from the past."""
    r, z = torch.sigmoid((drive + found)[:2]).unbind(0)
    new = torch.tanh(drive[2] + r * found[2])
    return (torch.lerp(new, state[0], z),)


def lstm(drive: Gates, found: Gates, state: States) -> States:
    """Gates i, f, z and o, in torch's order."""
    i, f, z, o = (drive + found).unbind(0)
    memory = f.sigmoid() * state[1] + i.sigmoid() * z.tanh()
    return o.sigmoid() * memory.tanh(), memory


def slstm(drive: Gates, found: Gates, state: States) -> States:
    """Gates i, f, z and o; m is the exponent by which c and n are scaled."""
    i, f, z, o = (drive + found).unbind(0)
    _, memory, norm, exponent = state
    kept = F.logsigmoid(f) + exponent
    largest = torch.maximum(i, kept)
    write, keep = torch.exp(i - largest), torch.exp(kept - largest)
    memory = keep * memory + write * z.tanh()
    norm = keep * norm + write  # at least 1, as one of both factors is
    return o.sigmoid() * memory / norm, memory, norm, largest


class _Rule(NamedTuple):
    """What a rule needs: its gates, the states before the first frame, its step."""

    gates: int
    empty: Callable[[Heads], States]
    step: Callable[[Gates, Gates, States], States]


RULES: dict[Rule, _Rule] = {
    "elman": _Rule(1, lambda zero: (zero,), elman),
    "gru": _Rule(3, lambda zero: (zero,), gru),
    "lstm": _Rule(4, lambda zero: (zero, zero), lstm),
    "slstm": _Rule(4, lambda zero: (zero, zero, zero, zero - torch.inf), slstm),
}


build = FlashRnn
