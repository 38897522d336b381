"""Recurrent cells: one step, no loop."""

from __future__ import annotations

from typing import Any, get_args

from fernn.cells import mixing as _mixing
from fernn.cells._checks import check_flow
from fernn.cells._choice import Execution, choose, tell
from fernn.cells._initial import Initial
from fernn.cells.comoving import ComovingCell
from fernn.cells.compiled import CompiledCell
from fernn.cells.flow_equivariant import Activation, FlowEquivariantCell
from fernn.cells.fused import FusedCell
from fernn.cells.mixing import Mixing
from fernn.cells.triton import TritonCell
from fernn.cells.triton_comoving import TritonComovingCell
from fernn.cells.winograd import WinogradCell
from fernn.flows import Flow
from fernn.flows.rotation import Rotation
from labrun.errors import require_known

CLASSES: dict[Execution, type[FlowEquivariantCell]] = {
    "plain": FlowEquivariantCell,
    "comoving": ComovingCell,
    "fused": FusedCell,
    "compiled": CompiledCell,
    "winograd": WinogradCell,
    "triton": TritonCell,
}

__all__ = [
    "CLASSES",
    "Activation",
    "ComovingCell",
    "CompiledCell",
    "Execution",
    "FlowEquivariantCell",
    "FusedCell",
    "Initial",
    "Mixing",
    "TritonCell",
    "TritonComovingCell",
    "WinogradCell",
    "build",
]


def build(
    execution: Execution,
    flow: Flow,
    *,
    hidden: int,
    kernel: int | None = None,
    mixing: Mixing = "none",
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
    require_known("execution", execution, get_args(Execution))
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
