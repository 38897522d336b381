"""Numbers of models over seeds, and what a cube says of published ones.

How the two compare is in `fernn.evaluation.comparison`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from fernn.evaluation import aggregate

NOT_PUBLISHED = "not published"
NOT_KNOWN = "not known"  # published, but not found


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
        apart: our mean over the published one, or minus it; NaN where the two are not
            compared.
        apart_low: the lower end of its interval; NaN where there is none.
        apart_high: the upper end.
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
    apart: float = math.nan
    apart_low: float = math.nan
    apart_high: float = math.nan
    verdict: str = NOT_PUBLISHED


COLUMNS = ("published_mean", "published_std", "apart", "apart_low", "apart_high")


def over_seeds(
    cube: xr.Dataset, label: str, quantity: str, values: Sequence[float] | np.ndarray
) -> Number:
    """The number of a model's values, one a seed; no published one is known."""
    mean, std = aggregate.mean_and_std(np.asarray(values, float))
    return Number(cube.attrs["experiment"], label, quantity, mean, std, len(values))


def of_row(row: dict[str, Any], column: str, quantity: str) -> Number:
    """The number of a row of a table that compares it itself.

    Args:
        row: with ``experiment, model, seeds, verdict``, the `COLUMNS`, and the mean and
            standard deviation of `column`.
        column: whose number it is.
        quantity: what it is.
    """
    return Number(
        row["experiment"],
        row["model"],
        quantity,
        row[f"{column}_mean"],
        row[f"{column}_std"],
        row["seeds"],
        **{name: row[name] for name in COLUMNS},
        verdict=str(row["verdict"]),
    )


def published(cubes: Sequence[xr.Dataset]) -> dict[str, dict[str, Any]]:
    """The publications that cubes are compared with, by their names.

    Returns:
        Of each ``source``, footnotes, and ``others``, numbers of models not ours.
    """
    found = {}
    for cube in cubes:
        known = json.loads(cube.attrs.get("published", "null"))
        if known:
            found[known["name"]] = known
    return found


def sources(cubes: Sequence[xr.Dataset]) -> list[str]:
    """The footnotes on the published numbers of cubes, each once."""
    notes = [note for known in published(cubes).values() for note in known["source"]]
    return [*dict.fromkeys(notes)]
