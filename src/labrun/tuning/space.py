"""Ranges as Optuna's distributions: intervals, whole numbers, choices."""

from __future__ import annotations

from typing import Any

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.trial import Trial

from labrun.errors import UserError

Range = dict[str, Any]
INTERVAL = {"low", "high", "log", "integer"}


def distributions(ranges: dict[str, Range]) -> dict[str, BaseDistribution]:
    """A distribution for each range, by name in their order.

    Args:
        ranges: ``{"low", "high"}`` with ``log`` and ``integer`` or without, or
            ``{"choices"}``.

    Raises:
        UserError: a range has other keys, or is empty.
    """
    return {name: _distribution(name, ranges[name]) for name in sorted(ranges)}


def _distribution(name: str, span: Range) -> BaseDistribution:
    try:
        if span.keys() == {"choices"}:
            return CategoricalDistribution(span["choices"])
        if {"low", "high"} <= span.keys() <= INTERVAL:
            kind = IntDistribution if span.get("integer") else FloatDistribution
            return kind(span["low"], span["high"], log=span.get("log", False))
    except (TypeError, ValueError) as error:
        raise UserError(f"range of {name}: {error}") from None
    raise UserError(f"range of {name} has low and high, or choices; got {span}")


def suggest(trial: Trial, space: dict[str, BaseDistribution]) -> None:
    """Have a trial draw a value of each distribution."""
    for name, one in space.items():
        if isinstance(one, CategoricalDistribution):
            trial.suggest_categorical(name, one.choices)
        elif isinstance(one, IntDistribution):
            trial.suggest_int(name, one.low, one.high, log=one.log)
        elif isinstance(one, FloatDistribution):
            trial.suggest_float(name, one.low, one.high, log=one.log)
