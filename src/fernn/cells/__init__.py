"""Recurrent cells: one step, no loop."""

from __future__ import annotations

from fernn.cells.comoving import ComovingCell
from fernn.cells.flow_equivariant import FlowEquivariantCell
from fernn.cells.fused import FusedCell
from fernn.errors import UserError, nearest
from fernn.flows import Flow

EXECUTIONS: dict[str, type[FlowEquivariantCell]] = {  # `auto` takes the first that may
    "fused": FusedCell,
    "comoving": ComovingCell,
    "plain": FlowEquivariantCell,
}
AUTO = "auto"

__all__ = [
    "AUTO",
    "EXECUTIONS",
    "ComovingCell",
    "FlowEquivariantCell",
    "FusedCell",
    "execution",
]


def execution(name: str, flow: Flow) -> type[FlowEquivariantCell]:
    """The cell class of an execution: same weights, same network, other speed.

    Args:
        name: of the execution, or ``auto`` for what suits the flow best.
        flow: the cell's.

    Raises:
        UserError: there is no such execution.
    """
    if name == AUTO:
        return next(cell for cell in EXECUTIONS.values() if not cell.objection(flow))
    if name not in EXECUTIONS:
        raise UserError(f"no execution {name!r}; {nearest(name, [*EXECUTIONS, AUTO])}")
    return EXECUTIONS[name]
