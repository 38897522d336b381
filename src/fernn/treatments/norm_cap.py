r"""The state is scaled down wherever its norm exceeds a limit, after every step.

.. math:: h \leftarrow h \cdot \min(1, p / \lVert h \rVert)

A state larger than what a training of that length needs never learns to forget, and
grows beyond the trained length (*Stuffed Mamba*); this is one of its remedies without
training. A flow permutes slots and moves pixels and changes no norm, so the treatment
is exactly equivariant.

Source: Y. Chen and others, Stuffed Mamba, COLM 2025, arXiv 2410.07145.
"""

from __future__ import annotations

import copy
from typing import Literal

import torch
from torch import nn

from fernn.cells import State
from fernn.treatments import after_each_step, require_forecaster

NEUTRAL = {"limit": None}
MODELS = ("forecaster",)
Per = Literal["sample", "slot"]
AXES: dict[Per, tuple[int, ...]] = {"sample": (1, 2, 3, 4), "slot": (2, 3, 4)}


def objection(*, limit: float | None = None, per: str = "sample"):
    """Refuse a limit that is not positive: the reason in one line, or None."""
    if limit is not None and not limit > 0:
        return f"limit must be positive, got {limit}"
    return None


def treat(
    model: nn.Module, *, limit: float | None = None, per: Per = "sample"
) -> nn.Module:
    """A copy whose states have no larger norm.

    Args:
        model: a forecaster.
        limit: p, of the root mean square over a state's numbers, so that it is the same
            for models of other sizes; None for no limit.
        per: the norm is of a ``sample``, over all slots, or of a ``slot``.

    Raises:
        UserError: the model is no forecaster.
    """
    if limit is None:
        return copy.deepcopy(require_forecaster(model, "norm_cap"))
    largest, axes = limit, AXES[per]

    def capped(state: State, first: bool) -> State:
        squares = state.square().mean(axes, keepdim=True)
        norm = squares.clamp_min(torch.finfo(state.dtype).tiny).sqrt()
        return state * (largest / norm).clamp_max(1)

    return after_each_step(model, "norm_cap", capped)
