"""The error of pixels of digits by the time since they were last seen.

The figure of the statistic `last_seen` in numbers: mean squared error of predictions
clipped to [0, 1], over all pixels whose point of a digit was last in the window so many
frames ago; *never*, if it was in none of the observed frames. Means over seeds, ± the
standard deviation over seeds. A model remembers for as long as its error stays below
that of *never*.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import xarray as xr

from fernn.evaluation import aggregate

SHOWS = {"last_seen": {"statistic": "last_seen"}}
NEVER = -1  # the age that the statistic gives to what was never seen
AGES = (1, 5, 11, 21, 31)  # the first of each column, in frames


def tabulate(cubes: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row for each cube and model."""
    return pd.DataFrame(
        {"experiment": called, **_row(cube.sel(model=name), about)}
        for cube, called, name, about in aggregate.entries(cubes, SHOWS)
    )


def _row(own: xr.Dataset, about: dict) -> dict:
    row = {"model": about["label"]}
    digits, baseline = own.sel(shows="digit"), about["role"] == "baseline"
    oldest = int(digits["age"].max())
    for first, following in zip(AGES, (*AGES[1:], oldest + 1), strict=True):
        if first <= oldest:
            last = min(following - 1, oldest)
            of_ages = digits.sel(age=slice(first, last))
            row |= _summary(f"{first}-{last}", of_ages, baseline)
    never = digits.sel(age=slice(None, 0))  # -1: no age
    return row | _summary("never", never, baseline)


def _summary(column: str, own: xr.Dataset, baseline: bool) -> dict[str, float]:
    """Of the pixels of some ages, each of which counts the same."""
    error = own["squared_error"].fillna(0).weighted(own["pixels"].fillna(0))
    return aggregate.columns(column, error.mean("age"), baseline)
