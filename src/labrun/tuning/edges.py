"""Best values at the edge of what was searched: a better one may lie beyond."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

NEAR = 0.05  # of a range, on its logarithmic scale if it has one


def edges(trial: FrozenTrial) -> dict[str, dict[str, Any]]:
    """The hyperparameters of a trial that are at an edge of their range.

    That is within a twentieth of an interval, or an end of three or more numbers to
    choose from. Names and switches have no order, and two numbers no inside.

    Returns:
        Of each its ``value``, the ``low`` and ``high`` end, and the nearer ``side``.
    """
    found = {}
    for name, value in sorted(trial.params.items()):
        told = _edge(trial.distributions[name], value)
        if told:
            found[name] = {"value": value, **told}
    return found


def words(name: str, edge: dict[str, Any]) -> str:
    """An edge as a sentence."""
    ends = f"{edge['low']:g} … {edge['high']:g}"
    return (
        f"{name} {edge['value']:.3g} is at the {edge['side']} edge of its range {ends}"
    )


def _edge(space: Any, value: Any) -> dict[str, Any]:
    """The nearer end of a distribution of optuna, if it is near."""
    choices = getattr(space, "choices", None)
    if choices is None:
        low, high = space.low, space.high
        scale = math.log if space.log else float
        width = scale(high) - scale(low)
        share = (scale(value) - scale(low)) / width if width else 0.5
    elif len(choices) < 3 or not all(type(each) in (int, float) for each in choices):
        return {}
    else:
        low, high = min(choices), max(choices)
        share = 0.5 if low < value < high else float(value == high)
    if NEAR < share < 1 - NEAR:
        return {}
    return {"low": low, "high": high, "side": "upper" if share > 0.5 else "lower"}
