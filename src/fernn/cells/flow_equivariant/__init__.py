"""The paper's cell in several executions: same weights, same network, other speed.

Each public module or folder here is an execution and offers ``build(flow, **options)``.
Nothing else knows of the optional ones but their names, so an execution is removed with
its file.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import torch

from fernn.cells._checks import check_flow
from fernn.cells.flow_equivariant import _mixing, _relaxed
from fernn.cells.flow_equivariant._mixing import Mixing, mixing_objection
from fernn.cells.flow_equivariant._relaxations import Relaxed
from fernn.cells.flow_equivariant._relaxed import relaxation_objection
from fernn.cells.flow_equivariant.plain import (
    Activation,
    FlowEquivariantCell,
    Initial,
    Order,
)
from fernn.flows import Flow
from labrun.errors import UserError, require_known
from labrun.modules import load, names

__all__ = [
    "Activation",
    "Execution",
    "FlowEquivariantCell",
    "Initial",
    "Mixing",
    "Order",
    "Relaxed",
    "build",
    "choose",
    "executions",
    "mixing_objection",
    "order_objection",
    "relaxation_objection",
]


def executions() -> list[str]:
    """The names of the executions: ``auto`` and the modules of this package."""
    return ["auto", *names(__name__)]


if TYPE_CHECKING:
    Execution = str
else:  # for checks of a configuration; no second list of the names
    Execution = Literal[tuple(executions())]


def build(
    flow: Flow,
    hidden: int,
    *,
    channels: int = 1,
    kernel: int | None = None,
    activation: Activation = "relu",
    initial: Initial = "random",
    order: Order = "convolve_first",
    execution: Execution = "auto",
    mixing: Mixing = "none",
    mixing_radius: int = 1,
    relaxations: Sequence[Relaxed] = (),
) -> FlowEquivariantCell:
    """A cell in an execution.

    Args:
        flow: V and its action.
        hidden: channels of each slot of the state.
        channels: channels of a frame.
        kernel: side of the kernels; None for the flow's own.
        activation: see `FlowEquivariantCell`.
        initial: likewise.
        order: likewise.
        execution: of `executions`; ``auto`` chooses what suits the flow, by a rule, and
            says once on standard error which and why.
        mixing: of the slots, see `_mixing`: ``none``, ``lattice``, ``full``.
        mixing_radius: of a ``lattice``.
        relaxations: parts with a free form beside the strict one, see `RelaxedCell`.

    Raises:
        UserError: there is no such execution, mixing or relaxation, or it cannot run
            this flow, kernel, order, mixing or relaxation.
    """
    require_known("execution", execution, executions())
    check_flow(flow)
    kernel = flow.kernel if kernel is None else kernel
    options = {
        "channels": channels,
        "hidden": hidden,
        "kernel": kernel,
        "activation": activation,
        "initial": initial,
        "order": order,
    }
    objection = relaxation_objection(relaxations, execution, mixing)
    if objection:
        raise UserError(objection)
    if relaxations:
        if execution == "auto":
            _say("plain", f"parts of the cell are relaxed ({', '.join(relaxations)})")
        return _relaxed.RelaxedCell(flow, relaxations=relaxations, **options)
    if mixing != "none":
        if execution == "auto":
            _say("plain", f"slots are mixed ({mixing})")
        return _mixing.build(mixing, execution, flow, radius=mixing_radius, **options)
    if execution == "auto" and order == "move_first":
        execution = "plain"
        _say(execution, f"each step moves before it convolves ({order})")
    elif execution == "auto":
        execution, why = choose(flow)
        _say(execution, why)
    return load(__name__, execution).build(flow, **options)


def choose(flow: Flow) -> tuple[str, str]:
    """The execution for a flow by ``auto``, and why.

    It is a rule, so that equal runs give equal bits: a measurement would decide by the
    load of the machine, and a run that continues elsewhere would round differently. It
    takes none whose states are rounded more than four times as coarsely as by `plain`.
    """
    if flow.torus is None:
        return "comoving", f"{type(flow).__name__} interpolates, here once a frame"
    return "fused", f"{type(flow).__name__} shifts in the copy that pads the state"


def order_objection(order: str, execution: str) -> str | None:
    """Why an execution has not that order of a step; None if it has."""
    if order != "move_first" or execution in ("auto", "plain"):
        return None
    return f"{execution!r} convolves first (order {order!r}); use plain"


@functools.cache
def _say(execution: str, why: str) -> None:
    """Say once in a process which execution was chosen, if it is to compute."""
    if torch.get_default_device().type != "meta":
        print(f"execution {execution}: {why}", file=sys.stderr, flush=True)
