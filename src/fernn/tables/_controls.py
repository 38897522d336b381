"""Whether a table's best model beats its best control, in a sentence below it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from typing import Any

from fernn.tables import _write

Row = tuple[str, dict[str, Any], dict[str, Any]]


def note(
    rows: Iterable[Row], columns: Collection[str], prefixes: Collection[str] = ("",)
) -> list[str]:
    """A sentence that names where no model has a smaller error than the best control.

    A control is a baseline that is not told the answer: no oracle.

    Args:
        rows: the name of an experiment, a model of it as `aggregate.models` describes
            it, and its row of the table.
        columns: of errors, as the table shows them: ``mse`` for ``mse_mean``.
        prefixes: with which each column is there.

    Returns:
        None where the best model beats every control.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[0], []).append(row)
    found = [
        told
        for experiment, group in groups.items()
        for column in columns
        for prefix in prefixes
        if (told := _unbeaten(experiment, group, f"{prefix}{column}"))
    ]
    if not found:
        return []
    return [
        "No model has a smaller error than the best baseline that is not told the"
        f" velocities: {'; '.join(found)}."
    ]


def _unbeaten(experiment: str, group: Iterable[Row], column: str) -> str | None:
    """The best model and the best control, if the control is as good."""
    best: dict[str, tuple[float, str]] = {}
    for _, about, row in group:
        error = row.get(column, row.get(f"{column}_mean", math.nan))
        if not about["oracle"] and not math.isnan(error):
            own = error, about["label"]
            best[about["role"]] = min(own, best.get(about["role"], own))
    if len(best) < 2 or best["model"][0] < best["baseline"][0]:
        return None
    told = [f"{label} {_write.number(error)}" for error, label in best.values()]
    return f"{experiment}, {column.replace('_', ' ')} ({', '.join(told)})"
