"""What a model's entry can have wrong."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from fernn.cells.flow_equivariant import (
    mixing_objection,
    order_objection,
    relaxation_objection,
)
from fernn.config import axes, options, protocols
from fernn.config.budgets import out_of_range
from fernn.config.learners import OF_DEFAULT_CELL
from fernn.config.problems import Problem
from fernn.config.schema import Model


def problems(model: Model, path: tuple, sizes: Collection[str]) -> Iterator[Problem]:
    """Of one model; `sizes` are options that an experiment's sizes may give."""
    own = model.model_extra or {}
    spec = {"kind": model.kind, **own}
    yield from options.check("models", spec, path, ["size"], optional=sizes)
    yield from out_of_range(own, path)
    yield from protocols.kind_problems(
        "rollout", own.get("rollout"), (*path, "rollout")
    )
    last = own.get("last", 1)
    if isinstance(last, int) and last < 1:
        yield Problem((*path, "last"), f"must be at least 1, got {last}")
    if isinstance(own.get("flow"), dict):
        yield from _flow(own["flow"], (*path, "flow"), sizes)
    yield from _cell(own, path)
    if isinstance(own.get("cell"), dict):
        yield from _cell(own["cell"], (*path, "cell"))
    if "cell" in own:
        yield from _beside_cell(own, path)


def _beside_cell(own: dict[str, Any], path: tuple) -> Iterator[Problem]:
    """Options of the cell that a model has by default: another has its own."""
    for name in own:
        if name in OF_DEFAULT_CELL:
            yield Problem((*path, name), "is of the default cell; give it in cell")


def _cell(given: dict[str, Any], path: tuple) -> Iterator[Problem]:
    """Of the default cell, whose options are the model's, or of another."""
    kernel = given.get("kernel", 1)
    if isinstance(kernel, int) and (kernel < 1 or kernel % 2 == 0):
        yield Problem((*path, "kernel"), f"must be odd and positive, got {kernel}")
    yield from _mixing(given, path)


def _mixing(own: dict[str, Any], path: tuple) -> Iterator[Problem]:
    """What the plain execution alone has: mixed or relaxed slots, another order."""
    execution, mixing = own.get("execution", "auto"), own.get("mixing", "none")
    for message in (
        mixing_objection(mixing, execution),
        relaxation_objection(own.get("relaxations", ()), execution, mixing),
        order_objection(own.get("order", "convolve_first"), execution),
    ):
        if message:
            yield Problem((*path, "execution"), message)
    radius = own.get("mixing_radius", 1)
    if isinstance(radius, int) and radius < 1:
        yield Problem((*path, "mixing_radius"), f"must be positive, got {radius}")


def _flow(
    flow: dict[str, Any], path: tuple, sizes: Collection[str]
) -> Iterator[Problem]:
    """V is given in one of the ways that the flow's module lists as `WAYS`."""
    yield from options.check("flows", flow, path, ["size"], optional=sizes)
    if not options.exists("flows", flow.get("kind")):
        return
    ways = options.constant("flows", flow["kind"], "WAYS")
    given = [name for name in ways if flow.get(name) is not None]
    given = [name for name in given if flow[name] is not False]
    if len(given) != 1:
        got = " and ".join(given) or "none"
        yield Problem(path, f"V is given by one of {', '.join(ways)}, got {got}")
    if flow.get("velocities") == []:
        yield Problem((*path, "velocities"), "V is empty; give at least one velocity")
    speed = flow.get("max_speed")
    if isinstance(speed, int) and speed < 0:
        message = f"must not be negative, got {speed}"
        yield Problem((*path, "max_speed"), message)
    if axes.on_torus(flow["kind"]):
        yield from axes.pairs(flow.get("velocities"), (*path, "velocities"))
