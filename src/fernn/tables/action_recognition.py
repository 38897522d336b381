"""Accuracy on clips of persons never seen, under a moving camera (the paper's Table 2).

Share of test clips whose action is named correctly: at the velocities of the training
data, mean ± standard deviation over seeds, and at faster ones. Each model is compared
with the experiment's reference on the same clips at all velocities: the difference with
its 95 % interval, persons drawn again, and McNemar's test on whether most seeds,
velocities and start frames of a clip are right. p-values are corrected for the number
of models by Holm's method.
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

SHOWS = {"camera": {"statistic": "classification"}}
TESTS = ("difference", "low", "high", "p", "p_mcnemar")
QUANTITY = "test accuracy, velocities of training"
NOTE = (
    "difference, low, high: accuracy minus that of the reference ({}), over all"
    " velocities; 95 % interval of a bootstrap over persons. p: of no difference,"
    " corrected (Holm)."
)


def tabulate(cubes: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row for each experiment and model; NaN in the tests of the reference.

    Raises:
        UserError: a cube of another statistic.
    """
    aggregate.require(cubes, SHOWS)
    names = aggregate.names(cubes, SHOWS)
    rows = [_rows(cube, called) for cube, called in zip(cubes, names, strict=True)]
    table = pd.DataFrame([row for part in rows for row in part])
    every = (about for cube in cubes for about in aggregate.models(cube).values())
    labels = dict.fromkeys(about["label"] for about in every if about["reference"])
    note = NOTE.format(", ".join(labels) or "none")
    table.attrs["notes"] = [note, *notes(cubes)]
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


def _rows(cube: xr.Dataset, called: str) -> list[dict]:
    tests, rows = _tests(cube), []
    for name, about in aggregate.models(cube).items():
        correct = cube["correct"].sel(model=name)
        seen = velocities.speed(cube) <= int(cube.attrs["max_speed"])
        seeds = _seen(cube, name)
        mean, std = aggregate.mean_and_std(seeds)
        rows.append(
            {
                "experiment": called,
                "source": cube.attrs.get("source", ""),
                "model": about["label"],
                "seeds": seeds.size,
                "accuracy_mean": mean,
                "accuracy_std": std,
                "faster": float(correct.isel(sample=np.flatnonzero(~seen)).mean()),
                **tests[name],
                **beside_published(cube, about, seeds.values, MORE_IS_BETTER),
            }
        )
    return rows


def _tests(cube: xr.Dataset) -> dict[str, dict[str, float]]:
    """Each model against the reference, on the same samples; NaN without one."""
    models, correct = aggregate.models(cube), cube["correct"].mean("seed")
    means = {name: correct.sel(model=name).values for name in models}
    found: dict[str, dict[str, float]] = {}
    found |= {name: dict.fromkeys(TESTS, math.nan) for name in models}
    base = [means[name] for name, about in models.items() if about["reference"]]
    family = [
        name
        for name, about in models.items()
        if base and not about["reference"] and np.isfinite(means[name] - base[0]).all()
    ]
    for name in family:
        found[name] = dict(zip(TESTS, _test(cube, means[name], base[0]), strict=True))
    for key in ("p", "p_mcnemar"):
        corrected = significance.holm([found[name][key] for name in family])
        for name, value in zip(family, corrected, strict=True):
            found[name][key] = value
    return found


def _test(cube: xr.Dataset, own: np.ndarray, base: np.ndarray) -> tuple[float, ...]:
    """The `TESTS` of one model's samples against those of the reference."""
    apart = significance.clustered_bootstrap(own - base, cube["person"].values)
    clips = [_by_clip(cube, values) > 0.5 for values in (own, base)]
    mcnemar = significance.mcnemar(*clips)
    return apart.mean, apart.low, apart.high, apart.p, mcnemar


def _by_clip(cube: xr.Dataset, values: np.ndarray) -> np.ndarray:
    """The mean over the velocities and start frames of each clip."""
    place = np.unique(cube["clip"].values, return_inverse=True)[1]
    return np.bincount(place, values) / np.bincount(place)
