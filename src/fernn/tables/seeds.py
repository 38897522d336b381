"""Forecasting error of every seed, whose means other tables show.

A seed is a training: its weights, its training stream and its validation sequences, as
the protocol says; models of one seed saw the same data, so that they can be compared
seed by seed. All seeds have the same test sequences. The column *mse* is the mean
squared error of raw predictions, as in training; the others are of predictions clipped
to [0, 1], each explained at the table of generalization. A baseline has no seed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import pandas as pd
import xarray as xr

from fernn.evaluation import aggregate
from fernn.evaluation.errors import COLUMNS, of_seeds
from fernn.tables.generalization import SHOWS

__all__ = ["SHOWS", "tabulate"]
NOTE = (
    "One row a seed. mse: mean squared error of raw predictions, as in training; all"
    " other columns are of predictions clipped to [0, 1], as in the table of"
    " generalization. Models of one seed and experiment are trained on the same data."
)


def tabulate(cubes: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row for each experiment, seed and model; NaN where a role has no cube.

    Raises:
        UserError: a cube of another statistic.
    """
    aggregate.require(cubes, SHOWS)
    rows: dict[tuple[str, str, str], dict] = {}
    for cube, called in zip(cubes, aggregate.names(cubes, SHOWS), strict=True):
        for seed, name, values in _measured(cube):
            label = aggregate.models(cube)[name]["label"]
            empty = {"experiment": called, "seed": seed, "model": label}
            empty |= dict.fromkeys(("mse", *COLUMNS), math.nan)
            rows.setdefault((called, seed, name), empty).update(values)
    table = pd.DataFrame(rows.values())
    table.attrs["notes"] = [NOTE]
    return table


def _measured(cube: xr.Dataset) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Seed, model and errors; a baseline, which has one value, with the first seed."""
    role, models = aggregate.role(cube, SHOWS), aggregate.models(cube)
    found = {name: of_seeds(cube, role, name, models[name]) for name in models}
    if role == "in_distribution":
        for name, values in found.items():
            error = aggregate.worst(cube["squared_error"].sel(model=name))
            values["mse"] = error.mean(("sample", "frame")).values
    for index in range(cube.sizes["seed"]):
        seed = str(cube["seed"].values[index]) if "seed" in cube.coords else str(index)
        for name, values in found.items():
            baseline = models[name]["role"] == "baseline"
            if not baseline or index == 0:
                own = {column: float(value[index]) for column, value in values.items()}
                yield "–" if baseline else seed, name, own
