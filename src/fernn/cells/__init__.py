"""Recurrent cells: one step, no loop."""

from __future__ import annotations

from fernn.cells.flow_equivariant import FlowEquivariantCell
from fernn.cells.fused import FusedCell
from fernn.errors import UserError, nearest

EXECUTIONS: dict[str, type[FlowEquivariantCell]] = {
    "plain": FlowEquivariantCell,
    "fused": FusedCell,
}

__all__ = ["EXECUTIONS", "FlowEquivariantCell", "FusedCell", "execution"]


def execution(name: str) -> type[FlowEquivariantCell]:
    """The cell class of an execution: same weights, same numbers, other speed.

    Raises:
        UserError: there is no such execution.
    """
    if name not in EXECUTIONS:
        raise UserError(f"no execution {name!r}; {nearest(name, EXECUTIONS)}")
    return EXECUTIONS[name]
