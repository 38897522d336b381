"""What several models offer: poolings over V, boundaries, and their checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor

from fernn.cells import Cell
from fernn.cells._checks import kind_of
from fernn.velocities import whole
from labrun.errors import UserError, require_known

Pooling = Literal["max", "mean", "sum"]
Boundary = Literal["zero", "circular"]
POOLINGS: dict[Pooling, Callable[..., Tensor]] = {
    "max": torch.amax,
    "mean": torch.mean,
    "sum": torch.sum,
}
BOUNDARIES: dict[Boundary, Literal["zeros", "circular"]] = {
    "zero": "zeros",
    "circular": "circular",
}


def padding_mode(boundary: Boundary) -> Literal["zeros", "circular"]:
    """PyTorch's word for a boundary: ``zero``, or ``circular``, a torus.

    Raises:
        UserError: an unknown boundary.
    """
    require_known("boundary", boundary, BOUNDARIES)
    return BOUNDARIES[boundary]


def check_cell(cell: Any, model: str) -> None:
    """Refuse what is no cell.

    Raises:
        UserError: it is none.
    """
    if not isinstance(cell, Cell):
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
