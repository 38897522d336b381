"""From the files of a configuration to the plan of its budget."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fernn.config import costs, published
from fernn.config.check import checked
from fernn.config.plan import plan
from fernn.config.positions import merge, numbers, read
from fernn.config.shown import unshown


def resolve(
    files: Iterable[Path],
    budget: str | None = None,
    merged: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The plan.

    Args:
        files: of the configuration; later ones win.
        budget: in place of theirs.
        merged: their content, where it is known already; they then only tell positions.

    Raises:
        UserError: the configuration has mistakes; a line for each.
    """
    made, _ = resolve_and_tell(files, budget, merged)
    return made


def resolve_comparable(files: Iterable[Path], budget: str) -> dict[str, dict[str, Any]]:
    """The plans of the other budgets with numbers to compare with published ones.

    The files are read and checked once.

    Args:
        files: of the configuration; later ones win.
        budget: whose plan is known.

    Raises:
        UserError: the configuration has mistakes; a line for each.
    """
    sources = [read(path) for path in files]
    config = checked(merge(sources), sources)
    others = [name for name in config.budgets if name != budget]
    wanted = [name for name in others if published.comparable(config, name)]
    return {n: plan(config.model_copy(update={"budget": n})) for n in wanted}


def resolve_and_tell(
    files: Iterable[Path],
    budget: str | None = None,
    merged: dict[str, Any] | None = None,
) -> tuple[dict[str, Any], list[str]]:
    """The plan, and a line for each note and warning about what is no mistake.

    Args and errors are those of `resolve`.
    """
    sources = [read(path) for path in files]
    ours = merge(sources)
    raw = ours if merged is None else numbers(merged, ours)
    if budget:
        raw["budget"] = budget
    config = checked(raw, sources)
    lines = [
        f"{level}: {each.line(sources, raw)}" for level, each in costs.remarks(config)
    ]
    made = plan(config)
    cubes = unshown(config, made)
    if cubes:
        lines.append(f"note: no figure or table shows {', '.join(cubes)}")
    return made, lines
