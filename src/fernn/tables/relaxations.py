"""Which relaxations a training has used, and the error with and without them.

A row for each experiment and model, then one for each of its relaxations. *mse*: the
mean squared error over the predicted frames of the trained horizon, of the model as it
is kept; *strict mse*: the same with γ = 0. A model of equality constraints or of a
schedule is kept strict, so that the two are equal. *gamma*, *lambda*, *u* and *part*
are at the end of training: γ; the multiplier; the slack of a resilient constraint; and
how much of the relaxed signal is not strict, γ times the distance of the free form from
the strict one relative to the latter, on the last batch. Mean ± standard deviation over
seeds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
import xarray as xr

from fernn.evaluation import aggregate
from fernn.evaluation.relaxations import last, of_cube

SHOWS = {
    "strategy": {"statistic": "strategy_curves"},
    "strict_error": {"statistic": "strict_error", "draw": "sampled"},
}
ERRORS = {"mse": "squared_error", "strict_mse": "squared_error_strict"}
TOLD = ("gamma", "lambda", "u", "part")
NOTE = (
    "mse: over the trained horizon, of the model as it is kept; strict mse: with γ = 0."
    " gamma, lambda, u, part: at the end of training. part: γ |free - strict| /"
    " |strict| on the last batch."
)


def tabulate(cubes: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row for each model of an experiment and one for each relaxation."""
    rows: dict[tuple[str, str, str], dict[str, Any]] = {}
    for cube in sorted(
        cubes, key=lambda each: aggregate.role(each, SHOWS) == "strategy"
    ):
        experiment = cube.attrs["experiment"]
        told = _told if aggregate.role(cube, SHOWS) == "strategy" else _errors
        for name, about in aggregate.models(cube).items():
            for relaxation, found in told(cube, name, about):
                key = experiment, name, relaxation
                rows.setdefault(key, _empty(cube, about, relaxation)).update(found)
    places = {key[:2]: place for place, key in reversed([*enumerate(rows)])}
    ordered = sorted(rows, key=lambda key: (places[key[:2]], key[2]))
    table = pd.DataFrame([rows[key] for key in ordered])
    table.attrs["notes"] = [NOTE]
    return table


def _empty(cube: xr.Dataset, about: dict[str, Any], relaxation: str) -> dict[str, Any]:
    names = [f"{name}_{end}" for name in (*ERRORS, *TOLD) for end in ("mean", "std")]
    head = {"experiment": cube.attrs["experiment"], "model": about["label"]}
    head |= {"relaxation": relaxation or math.nan, "seeds": cube.sizes["seed"]}
    return head | dict.fromkeys(names, math.nan)


def _errors(
    cube: xr.Dataset, name: str, about: dict[str, Any]
) -> Iterator[tuple[str, dict[str, float]]]:
    """The errors of a model, in its own row."""
    frames = aggregate.trained_frames(cube).sel(model=name)
    found: dict[str, float] = {}
    for column, variable in ERRORS.items():
        seeds = frames[variable].mean(("sample", "frame"), skipna=False)
        found |= aggregate.columns(column, seeds, about["role"] == "baseline")
    yield "", found


def _told(
    cube: xr.Dataset, name: str, about: dict[str, Any]
) -> Iterator[tuple[str, dict[str, float]]]:
    """What the strategy told of each relaxation at the end."""
    for relaxation in of_cube(cube):
        found: dict[str, float] = {}
        for quantity in TOLD:
            seeds = last(cube, name, f"{quantity}_{relaxation}")
            if seeds is not None:
                found |= aggregate.columns(quantity, seeds, baseline=False)
        if found:
            yield relaxation, found
