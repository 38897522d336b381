"""Whether a table's best model beats its best control, in a sentence below it."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from typing import Any

from fernn.tables import _numbers

Row = tuple[str, dict[str, Any], dict[str, Any]]


def note(
    rows: Iterable[Row],
    columns: Collection[str],
    prefixes: Collection[str] = ("",),
    more_is_better: bool = False,
) -> list[str]:
    """A sentence that names where no model is better than the best control.

    A control is a baseline that is not told the answer (no oracle), or a trained model
    whose kind lacks what the task is meant to need (its constant ``CONTROL``).

    Args:
        rows: the name of an experiment, a model of it as `aggregate.models` describes
            it, and its row of the table.
        columns: as the table shows them: ``mse`` for ``mse_mean``.
        prefixes: with which each column is there.
        more_is_better: whether they are accuracies, not errors.

    Returns:
        An empty list where the best model beats every control.
    """
    sign = -1 if more_is_better else 1
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row[0], []).append(row)
    found = [
        told
        for experiment, group in groups.items()
        for column in columns
        for prefix in prefixes
        if (told := _unbeaten(experiment, group, f"{prefix}{column}", sign))
    ]
    better = "higher accuracy" if more_is_better else "smaller error"
    sentence = f"No model has a {better} than the best control: {'; '.join(found)}."
    return [sentence] if found else []


def _unbeaten(
    experiment: str, group: Iterable[Row], column: str, sign: int
) -> str | None:
    """The best model and the best control, if the control is as good.

    The sign is -1 where more is better.
    """
    best: dict[bool, tuple[float, str]] = {}
    for _, about, row in group:
        value = row.get(column, row.get(f"{column}_mean", math.nan))
        if not about["oracle"] and not math.isnan(value):
            own = sign * value, about["label"]
            control = about["role"] == "baseline" or about.get("control", False)
            best[control] = min(own, best.get(control, own))
    if len(best) < 2 or best[False][0] < best[True][0]:
        return None
    pair = [best[control] for control in (False, True)]
    told = [f"{label} {_numbers.number(sign * value)}" for value, label in pair]
    return f"{experiment}, {column.replace('_', ' ')} ({', '.join(told)})"
