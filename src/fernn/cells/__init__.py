"""Recurrent cells: one step, no loop."""

from __future__ import annotations

from typing import Any

from fernn.cells import mixing as _mixing
from fernn.cells._checks import check_flow
from fernn.cells._choice import choose, tell
from fernn.cells.comoving import ComovingCell
from fernn.cells.compiled import CompiledCell
from fernn.cells.flow_equivariant import FlowEquivariantCell
from fernn.cells.fused import FusedCell
from fernn.cells.triton import TritonCell
from fernn.cells.triton_comoving import TritonComovingCell
from fernn.cells.winograd import WinogradCell
from fernn.flows import Flow
from fernn.flows.rotation import Rotation
from labrun.errors import UserError, nearest

CLASSES: dict[str, type[FlowEquivariantCell]] = {
    "plain": FlowEquivariantCell,
    "comoving": ComovingCell,
    "fused": FusedCell,
    "compiled": CompiledCell,
    "winograd": WinogradCell,
    "triton": TritonCell,
}
EXECUTIONS = ("auto", *CLASSES)
MIXINGS = _mixing.MIXINGS

__all__ = [
    "CLASSES",
    "EXECUTIONS",
    "MIXINGS",
    "ComovingCell",
    "CompiledCell",
    "FlowEquivariantCell",
    "FusedCell",
    "TritonCell",
    "TritonComovingCell",
    "WinogradCell",
    "build",
]


def build(
    execution: str,
    flow: Flow,
    *,
    hidden: int,
    kernel: int | None = None,
    mixing: str = "none",
    radius: int = 1,
    **options: Any,
) -> FlowEquivariantCell:
    """A cell in an execution: same weights, same network, other speed.

    Args:
        execution: a name of `CLASSES`, or ``auto``: what suits the flow, by a rule;
            which and why is told once on standard error.
        flow: V and its action.
        hidden: channels of each slot of the state.
        kernel: side of the kernels; None for the flow's own.
        mixing: of the slots, see `fernn.cells.mixing`: ``none``, ``lattice``, ``full``.
        radius: of a ``lattice``.
        options: others of `FlowEquivariantCell`.

    Raises:
        UserError: there is no such execution or mixing, or it cannot run this flow,
            kernel or mixing.
    """
    if execution not in EXECUTIONS:
        raise UserError(f"no execution {execution!r}; {nearest(execution, EXECUTIONS)}")
    check_flow(flow)
    kernel = flow.kernel if kernel is None else kernel
    options |= {"hidden": hidden, "kernel": kernel}
    if mixing != "none":
        if execution == "auto":
            tell("plain", f"slots are mixed ({mixing})")
        return _mixing.build(mixing, execution, flow, radius=radius, **options)
    if execution == "auto":
        execution, why = choose(flow, hidden, kernel)
        tell(execution, why)
    if execution == "triton" and isinstance(flow, Rotation):
        return TritonComovingCell(flow, **options)
    return CLASSES[execution](flow, **options)
