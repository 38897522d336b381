"""Multiplications that the relaxations of a cell add to a training step, per pixel."""

from __future__ import annotations

from typing import Any, NamedTuple

from fernn.config.step import FIRST, INNER


class Cell(NamedTuple):
    """What they depend on.

    Attributes:
        slots: of V.
        hidden: channels of a slot.
        area: of a kernel.
        fastest: speed of V along an axis, pixels per frame.
        steps: of the cell, in which a state is convolved and moved.
        lifted: frames.
        moves: of all slots, beside those of steps.
    """

    slots: int
    hidden: int
    area: int
    fastest: int
    steps: float
    lifted: float
    moves: float


def count(relaxations: list[str], cell: Cell) -> float:
    """Those of its free kernels, filters and shifts; the rest multiplies no weights."""
    slots, hidden, area = cell.slots, cell.hidden, cell.area
    one = INNER * cell.steps * slots * area * hidden**2
    each = {
        "kernel": one,
        "mixing": slots * one,
        "lift": FIRST * cell.lifted * slots * area * hidden,
        "shift": INNER
        * (cell.steps + cell.moves)
        * slots
        * hidden
        * (2 * cell.fastest + 1) ** 2,
    }
    return sum(each.get(name, 0) for name in relaxations)


def moves(rollout: dict[str, Any], predicted: float) -> float:
    """How often all slots are moved for decoding, or for what is fed."""
    if rollout["kind"] == "repeat":
        return 0
    every = rollout.get("every", 1)
    return predicted + predicted // every * (every - 1)
