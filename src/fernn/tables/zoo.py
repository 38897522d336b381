"""Each strategy, treatment, option and flow against the model that differs by it alone.

A row is a pair of models of one experiment, which trained on the same data, with the
same seeds and the same budget: a *model*, and the one that it is compared with
(*against*), from which *change* makes it. *effect* is the ratio of their numbers, or of
accuracies and shares the difference, seeds in pairs, with its 95 % t-interval. Of a
sweep, a row is a value of the option against the neutral one, which is the first.

Verdicts: *better* or *worse*, where the interval lies on that side; of numbers of which
none is better, *lower* or *higher*; *alike*, where it lies within a factor 1.1, or
within 0.02; *exact*, where the error of the model alone is zero with every seed;
*undecided*, where none of this holds, as with a single seed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
import xarray as xr

from fernn.evaluation import aggregate, headlines, significance
from fernn.evaluation.errors import clipped
from fernn.evaluation.headlines import Headline
from fernn.tables import _fairness
from fernn.tables._benchmark import budget

HEADLINES = headlines.every()
SHOWS = {
    **headlines.shows(),
    "swept": {"statistic": "swept", "draw": "sampled"},
}
SWEPT = Headline(
    "error, all frames",
    "ratio",
    "lower",
    lambda cube, model: clipped(cube, model).mean(("sample", "frame")),
)
ONLY_LISTED = True
ALIKE = {"ratio": math.log(1.1), "difference": 0.02}
COLUMNS = ("experiment", "axis", "budget", "change", "model", "against")
COLUMNS += ("statistic", "quantity", "seeds", "effect", "low", "high", "verdict")
NOTE = (
    "effect: model over against, or of accuracies and shares minus it, seeds in pairs;"
    " low, high: its 95 % t-interval. verdict: better or worse (of numbers of which"
    " none is better: lower or higher), where the interval lies on one side; alike,"
    " where it lies within a factor 1.1, or within 0.02; exact: the model's error is"
    " zero with every seed; else undecided."
)


def tabulate(cubes: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row for each experiment, pair of models and number."""
    rows = [row for cube in cubes for row in _of_cube(cube)]
    table = pd.DataFrame(rows, columns=pd.Index(COLUMNS))
    table.attrs["notes"] = [NOTE, *_fairness.notes(cubes)]
    return table


def _of_cube(cube: xr.Dataset) -> Iterator[dict[str, Any]]:
    role, models = aggregate.role(cube, SHOWS), aggregate.models(cube)
    if role == "swept":
        yield from _of_sweep(cube)
        return
    headline = HEADLINES[role]
    for name, about in models.items():
        other = about.get("against")
        if other in models:
            own = {"change": ", ".join(about["change"]), "model": about["label"]}
            own |= {"against": models[other]["label"]}
            pair = (headline.values(cube, each) for each in (name, other))
            yield _row(cube, headline, own, *pair)


def _of_sweep(cube: xr.Dataset) -> Iterator[dict[str, Any]]:
    """Of the models that are not treated already, each value against the first."""
    option = cube["value"].attrs
    for name, about in aggregate.models(cube).items():
        if about.get("treatment"):
            continue
        each = [
            SWEPT.values(cube.isel(value=i, drop=True), name)
            for i in range(cube.sizes["value"])
        ]
        first, *others = cube["value"].values
        for value, error in zip(others, each[1:], strict=True):
            own = {"change": option["treatment"], "against": about["label"]}
            own["model"] = f"{option['option']} {value:g}, not {first:g}"
            yield _row(cube, SWEPT, own, error, each[0])


def _row(
    cube: xr.Dataset,
    headline: Headline,
    own: dict[str, str],
    values: xr.DataArray,
    other: xr.DataArray,
) -> dict[str, Any]:
    """The effect of a pair and what it says."""
    compare = getattr(significance, headline.scale)
    effect = compare(values, other)
    exact = headline.scale == "ratio" and not values.any() and bool(other.all())
    size, low, high = (
        (0.0 if exact else math.nan, math.nan, math.nan)
        if effect is None
        else (effect.size, effect.low, effect.high)
    )
    return {
        "experiment": cube.attrs["experiment"],
        "axis": cube.attrs["axis"],
        "budget": budget(cube),
        "statistic": cube.attrs["statistic"],
        **own,
        "quantity": headline.name,
        "seeds": cube.sizes["seed"],
        "effect": size,
        "low": low,
        "high": high,
        "verdict": "exact" if exact else verdict(headline, low, high),
    }


def verdict(headline: Headline, low: float, high: float) -> str:
    """What an interval says of a model and its control; see the module."""
    if math.isnan(low) or math.isnan(high):
        return "undecided"
    if headline.scale == "ratio":
        low, high = (math.log(end) if end else -math.inf for end in (low, high))
    margin = ALIKE[headline.scale]
    if -margin <= low and high <= margin:
        return "alike"
    if low <= 0 <= high:
        return "undecided"
    side = "higher" if low > 0 else "lower"
    if headline.better is None:
        return side
    return "better" if side == headline.better else "worse"
