"""Forecasting error of every seed, whose means other tables show.

A seed is a training: its weights, its training stream and its validation sequences, as
the protocol says; models of one seed saw the same data, so that they can be compared
seed by seed. All seeds have the same test sequences. Columns are those of the table of
generalization: errors of predictions clipped to [0, 1], then raw. A baseline has no
seed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import pandas as pd
import xarray as xr

from fernn.evaluation import aggregate
from fernn.evaluation.errors import COLUMNS, NAMES, of_seeds
from fernn.tables.generalization import SHOWS

__all__ = ["SHOWS", "tabulate"]
NOTE = (
    "One row a seed; models of one seed and experiment are trained on the same data."
    " Mean squared error of predictions clipped to [0, 1]; raw: of predictions as they"
    " are, in the CSV file alone. The columns are explained at the table of"
    " generalization."
)
BLANK = {f"{begin}{name}": math.nan for begin in COLUMNS for name in NAMES}


def tabulate(cubes: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row for each experiment, seed and model; NaN where a role has no cube."""
    rows: dict[tuple[str, str, str], dict] = {}
    for cube, called in zip(cubes, aggregate.names(cubes, SHOWS), strict=True):
        for seed, name, values in _measured(cube):
            label = aggregate.models(cube)[name]["label"]
            empty = {"experiment": called, "seed": seed, "model": label}
            rows.setdefault((called, seed, name), empty | BLANK).update(values)
    table = pd.DataFrame(rows.values())
    table.attrs["notes"] = [NOTE]
    table.attrs["csv_only"] = [n for n in table if str(n).startswith("raw_")]
    return table


def _measured(cube: xr.Dataset) -> Iterator[tuple[str, str, dict[str, float]]]:
    """Seed, model and errors; a baseline, which has one value, with the first seed."""
    role, models = aggregate.role(cube, SHOWS), aggregate.models(cube)
    found = {
        name: {
            f"{begin}{column}": values
            for begin, measure in COLUMNS.items()
            for column, values in of_seeds(cube, role, name, about, measure).items()
        }
        for name, about in models.items()
    }
    for index in range(cube.sizes["seed"]):
        seed = str(cube["seed"].values[index]) if "seed" in cube.coords else str(index)
        for name, values in found.items():
            baseline = models[name]["role"] == "baseline"
            if not baseline or index == 0:
                own = {column: float(value[index]) for column, value in values.items()}
                yield "–" if baseline else seed, name, own
