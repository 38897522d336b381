"""Recurrent cells: one step, no loop."""

from __future__ import annotations

from typing import Any

from fernn.cells._choice import choose, tell
from fernn.cells.flow_equivariant import FlowEquivariantCell
from fernn.cells.fused import FusedCell
from fernn.cells.winograd import WinogradCell
from fernn.errors import UserError, nearest
from fernn.flows import Flow

CLASSES: dict[str, type[FlowEquivariantCell]] = {
    "plain": FlowEquivariantCell,
    "fused": FusedCell,
    "winograd": WinogradCell,
}
EXECUTIONS = ("auto", *CLASSES)

__all__ = [
    "CLASSES",
    "EXECUTIONS",
    "FlowEquivariantCell",
    "FusedCell",
    "WinogradCell",
    "build",
]


def build(
    execution: str, flow: Flow, *, hidden: int, kernel: int, **options: Any
) -> FlowEquivariantCell:
    """A cell in an execution: same weights, same numbers, other speed.

    Args:
        execution: ``plain``, ``fused``, ``winograd``, or ``auto``: the fastest, by a
            rule; which and why is told once on standard error.
        flow: V and its action.
        hidden: channels of each slot of the state.
        kernel: side of the kernels.
        options: others of `FlowEquivariantCell`.

    Raises:
        UserError: there is no such execution, or it cannot run this flow or kernel.
    """
    if execution not in EXECUTIONS:
        raise UserError(f"no execution {execution!r}; {nearest(execution, EXECUTIONS)}")
    if execution == "auto":
        execution, why = choose(flow, hidden, kernel)
        tell(execution, why)
    return CLASSES[execution](flow, hidden=hidden, kernel=kernel, **options)
