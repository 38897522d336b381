r"""The state of a linear recurrence forgets what is older than its last w frames.

Of a linear cell with the diagonal transition :math:`\bar\Lambda` the difference of two
states is what came between them,

.. math:: h_t - \bar\Lambda^w \odot h_{t-w} = \sum_{s=t-w+1}^{t}
          \bar\Lambda^{t-s} \odot u_s

so a sliding window costs one more state and is exact. It is a remedy of *Stuffed
Mamba*. A cell with a nonlinearity between its steps has no such difference and is
refused. In its co-moving frame the window is the same in all slots, so the treatment is
flow equivariant.

Source: Y. Chen and others, Stuffed Mamba, COLM 2025, arXiv 2410.07145.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from fernn.models.comoving import Comoving
from fernn.models.temporal.s5 import S5
from labrun.errors import UserError

NEUTRAL = {"length": None}
MODELS = ("comoving",)


class Windowed(S5):
    """S5 whose states are of its last inputs alone; its memory is that many states."""

    length: int

    def forward(self, signal: Tensor, state: Tensor | None) -> tuple[Tensor, Tensor]:
        """See `Temporal.forward`; the state has the last `length` states of h."""
        last = None if state is None else state[-1]
        factor, states = self.states(signal, last)
        if state is None:
            state = torch.zeros_like(states[:1]).expand(self.length, *states.shape[1:])
        whole = torch.cat([state, states])
        old = whole[: len(states)]
        return self.answer(signal, states - factor**self.length * old), whole[
            -self.length :
        ]


def objection(*, length: int | None = None):
    """Refuse windows of no frames: the reason in one line, or None."""
    if length is not None and (not isinstance(length, int) or length < 1):
        return f"length must be a positive whole number, got {length}"
    return None


def treat(model: nn.Module, *, length: int | None = None) -> nn.Module:
    """A copy whose states remember so many frames.

    Args:
        model: a comoving one of cells ``s5``.
        length: w, frames; None for all of them.

    Raises:
        UserError: its cells are not linear with a diagonal transition.
    """
    if not isinstance(model, Comoving):
        name = type(model).__name__.lower()
        raise UserError(f"treatment window is for a comoving model, got a {name}")
    found: Any = copy.deepcopy(model)
    for layer in found.cell.layers:
        if type(layer) is not S5:
            kind = type(layer).__name__
            raise UserError(f"treatment window is of linear cells (s5), got a {kind}")
        if length is not None:
            windowed: Any = layer
            windowed.__class__ = Windowed
            windowed.length = length
    return found
