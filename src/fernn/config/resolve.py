"""From the files of a configuration to the plan of its budget."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from fernn.config.check import checked
from fernn.config.plan import plan
from fernn.config.positions import merge, numbers, read


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
    sources = [read(path) for path in files]
    ours = merge(sources)
    raw = ours if merged is None else numbers(merged, ours)
    if budget:
        raw["budget"] = budget
    return plan(checked(raw, sources))
