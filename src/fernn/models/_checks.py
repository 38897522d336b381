"""What a model is built of and asked for; what else is refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from fernn.cells import FlowEquivariantCell
from fernn.cells._checks import kind_of
from fernn.velocities import whole
from labrun.errors import UserError

Pooling = Literal["max", "mean", "sum"]  # over V
POOLINGS: dict[Pooling, Callable[..., Tensor]] = {
    "max": torch.amax,
    "mean": torch.mean,
    "sum": torch.sum,
}


def check_cell(cell: Any, model: str) -> None:
    """Refuse what is no cell.

    Raises:
        UserError: it is none.
    """
    if not isinstance(cell, FlowEquivariantCell):
        raise UserError(
            f"a {model} needs a cell such as FusedCell(flow, hidden=32),"
            f" got {kind_of(cell)}"
        )


def check_horizon(horizon: Any) -> int:
    """How many frames to predict.

    Raises:
        UserError: it is no whole number, or less than one.
    """
    return whole(horizon, "at least one whole frame must be predicted", least=1)
