"""Recurrent cells: one step, no loop."""

from __future__ import annotations

from typing import Any

from fernn.cells._base import Cell, Lifted, Pooled, Role, State, Video
from fernn.cells._checks import check_lift, check_step, check_video
from fernn.cells.flow_equivariant import (
    Activation,
    Execution,
    Initial,
    Mixing,
    Order,
    Relaxed,
)
from fernn.cells.flow_equivariant._relaxations import Relaxation
from fernn.cells.flow_equivariant._relaxed import RelaxedCell
from fernn.cells.flow_equivariant.comoving import ComovingCell
from fernn.cells.flow_equivariant.fused import FusedCell
from fernn.cells.flow_equivariant.plain import FlowEquivariantCell
from fernn.flows import Flow
from labrun.modules import load

__all__ = [
    "Activation",
    "Cell",
    "ComovingCell",
    "Execution",
    "FlowEquivariantCell",
    "FusedCell",
    "Initial",
    "Lifted",
    "Mixing",
    "Order",
    "Pooled",
    "Relaxation",
    "Relaxed",
    "RelaxedCell",
    "Role",
    "State",
    "Video",
    "build",
    "check_lift",
    "check_step",
    "check_video",
]


def build(spec: dict[str, Any], flow: Flow, hidden: int) -> Cell:
    """The cell a specification names.

    Args:
        spec: ``{"kind": ..., **arguments}``; the kind is a module of this package.
        flow: V and its action.
        hidden: channels of each slot of the state.
    """
    arguments = dict(spec)
    return load("fernn.cells", arguments.pop("kind")).build(flow, hidden, **arguments)
