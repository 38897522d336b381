"""One number of ours and the published one it stands beside."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from fernn.evaluation import aggregate

NOT_PUBLISHED = "not published"
# What a table says of a number that is lower or higher than the published one.
LESS_IS_BETTER = {"lower": "better", "higher": "worse"}
MORE_IS_BETTER = {"lower": "worse", "higher": "better"}


@dataclass(frozen=True)
class Number:
    """A mean and a standard deviation over seeds.

    Attributes:
        experiment: that it was measured in.
        model: its label.
        quantity: what was measured.
        mean: infinite if a seed diverged.
        std: NaN for a single seed.
        seeds: how many; 0 if it was not run.
        published_mean: NaN if no number is known.
        published_std: of the published seeds.
        verdict: how the two compare.
    """

    experiment: str
    model: str
    quantity: str
    mean: float
    std: float
    seeds: int
    published_mean: float = math.nan
    published_std: float = math.nan
    verdict: str = NOT_PUBLISHED


def over_seeds(
    cube: xr.Dataset, label: str, quantity: str, values: Sequence[float] | np.ndarray
) -> Number:
    """The number of a model's values, one a seed; no published one is known."""
    mean, std = aggregate.mean_and_std(np.asarray(values, float))
    return Number(cube.attrs["experiment"], label, quantity, mean, std, len(values))


def _by_seed(
    tabulate: Callable[[Sequence[xr.Dataset]], pd.DataFrame], cube: xr.Dataset
) -> dict[str, pd.DataFrame]:
    """A table made of each seed alone: a model's label, and a row for each seed."""
    tables = [
        tabulate([cube.isel(seed=[place])]) for place in range(cube.sizes["seed"])
    ]
    rows = pd.concat(tables)
    return {str(label): own for label, own in rows.groupby("model", sort=False)}


def of_columns(
    tabulate: Callable[[Sequence[xr.Dataset]], pd.DataFrame],
    cube: xr.Dataset,
    quantities: Mapping[str, str],
) -> Iterator[Number]:
    """The numbers of every trained model in some columns of a table.

    Args:
        tabulate: makes the table of a cube.
        cube: whose models are told.
        quantities: columns, each with what it is; a model has no number of a column in
            which a seed has none.
    """
    seeds = _by_seed(tabulate, cube)
    for about in aggregate.models(cube, baselines=False).values():
        for column, quantity in quantities.items():
            values = seeds[about["label"]][column].to_numpy(float)
            if not np.isnan(values).any():
                yield over_seeds(cube, about["label"], quantity, values)


def from_table(
    table: pd.DataFrame, column: str, quantity: str, words: dict[str, str]
) -> Iterator[Number]:
    """The numbers of a table that compares them itself.

    Args:
        table: with ``experiment, model, seeds, verdict``, the published value, and the
            mean and standard deviation of `column`.
        column: whose numbers are told.
        quantity: what it is.
        words: what its verdicts mean here.
    """
    for row in table.to_dict("records"):
        cells: dict[str, Any] = {str(name): value for name, value in row.items()}
        yield Number(
            cells["experiment"],
            cells["model"],
            quantity,
            cells[f"{column}_mean"],
            cells[f"{column}_std"],
            cells["seeds"],
            cells["published_mean"],
            cells["published_std"],
            str(words.get(cells["verdict"], cells["verdict"])),
        )
