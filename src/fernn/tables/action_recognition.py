"""Accuracy on clips of persons never seen, under a moving camera (the paper's Table 2).

Share of test clips whose action is named correctly: at the velocities of the training
data, mean ± standard deviation over seeds, and at faster ones. Each model is compared
with the experiment's reference at all velocities, seeds in pairs: the mean difference,
its 95 % t-interval, and the p-value of a sign-flip test, corrected by Holm's method for
all comparisons of the table. How these trained networks compare on other persons, which
is not a statement about the models, is an interval of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from fernn.evaluation import aggregate, significance, velocities
from fernn.evaluation.comparison import (
    MORE_IS_BETTER,
    beside_published,
    claims,
    notes,
)
from fernn.evaluation.numbers import Number, of_row
from fernn.tables import _controls, _fairness

SHOWS = {"camera": {"statistic": "classification"}}
PERSONS = ("these_networks_low", "these_networks_high")
QUANTITY = "test accuracy, velocities of training"
NOTE = (
    "difference: accuracy minus that of the reference ({}), over all velocities, mean"
    " over pairs of equal seeds; low, high: its 95 % t-interval. p: of no difference,"
    " sign flips of the seeds' differences, corrected (Holm) for all comparisons of"
    " this table; least p: the smallest that as many seeds can give, uncorrected."
    " these networks: the interval of the difference for other persons (bootstrap,"
    " 95 %), of these trained networks and not of the models."
)


def tabulate(cubes: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row for each experiment and model; NaN in the tests of the reference."""
    names, tests = aggregate.names(cubes, SHOWS), _tests(cubes)
    rows = [_rows(*each) for each in zip(cubes, names, tests, strict=True)]
    table = pd.DataFrame([row for part in rows for row in part])
    every = [about for cube in cubes for about in aggregate.models(cube).values()]
    labels = dict.fromkeys(about["label"] for about in every if about["reference"])
    note = NOTE.format(", ".join(labels) or "none")
    told = zip(table["experiment"], every, table.to_dict("records"), strict=True)
    beaten = _controls.note(told, ["accuracy", "faster"], more_is_better=True)
    table.attrs["notes"] = [note, *beaten, *notes(cubes), *_fairness.notes(cubes)]
    return table


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """The accuracy of every model at the velocities of training, and the claims."""
    for row in tabulate(cubes).to_dict("records"):
        yield of_row(row, "accuracy", QUANTITY)
    for cube in cubes:
        seeds = {name: _seen(cube, name).values for name in aggregate.models(cube)}
        yield from claims(cube, seeds, QUANTITY, MORE_IS_BETTER)


def _seen(cube: xr.Dataset, name: str) -> xr.DataArray:
    """The accuracy of each seed at the velocities of training."""
    seen = velocities.speed(cube) <= int(cube.attrs["max_speed"])
    correct = cube["correct"].sel(model=name)
    return correct.isel(sample=np.flatnonzero(seen)).mean("sample")


def _rows(cube: xr.Dataset, called: str, tests: dict[str, dict]) -> list[dict]:
    rows = []
    for name, about in aggregate.models(cube).items():
        correct = cube["correct"].sel(model=name)
        seen = velocities.speed(cube) <= int(cube.attrs["max_speed"])
        seeds = _seen(cube, name)
        rows.append(
            {
                "experiment": called,
                "source": cube.attrs.get("source", ""),
                "model": about["label"],
                "seeds": seeds.size,
                **aggregate.columns("accuracy", seeds),
                "faster": float(correct.isel(sample=np.flatnonzero(~seen)).mean()),
                **tests[name],
                **beside_published(cube, about, seeds.values, MORE_IS_BETTER),
            }
        )
    return rows


def _tests(cubes: Sequence[xr.Dataset]) -> list[dict[str, dict[str, float]]]:
    """Of each cube the comparisons of each model with the reference; NaN without one.

    All of them are one family.
    """
    found = [_against_reference(cube) for cube in cubes]
    effects = {
        (i, n): effect for i, own in enumerate(found) for n, effect in own.items()
    }
    columns = significance.columns(effects, "difference")
    return [
        {name: columns[i, name] | _persons(cube, name) for name in own}
        for i, (cube, own) in enumerate(zip(cubes, found, strict=True))
    ]


def _reference(cube: xr.Dataset) -> str | None:
    """The model that others are compared with."""
    found = aggregate.models(cube).items()
    return next((name for name, about in found if about["reference"]), None)


def _against_reference(
    cube: xr.Dataset,
) -> dict[str, significance.Effect | None]:
    """The difference of each model from the reference, over all velocities."""
    base, seeds = _reference(cube), cube["correct"].mean("sample")
    return {
        name: None
        if base in (None, name)
        else significance.difference(seeds.sel(model=name), seeds.sel(model=base))
        for name in aggregate.models(cube)
    }


def _persons(cube: xr.Dataset, name: str) -> dict[str, float]:
    """How these trained networks differ from the reference's on other persons."""
    base, correct = _reference(cube), cube["correct"].mean("seed")
    if base in (None, name):
        return dict.fromkeys(PERSONS, math.nan)
    apart = (correct.sel(model=name) - correct.sel(model=base)).values
    ends = significance.over_persons(apart, cube["person"].values)
    return dict(zip(PERSONS, ends, strict=True))
