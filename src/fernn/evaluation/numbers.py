"""Numbers of models over seeds, and how they compare with published ones.

A cube says which numbers are published for its models, and whether its sizes and its
protocol are the published ones: the configuration's `published`.
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

TOLERANCE = 0.1  # of the published value
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


def of_row(
    row: dict[str, Any], column: str, quantity: str, words: dict[str, str]
) -> Number:
    """The number of a row of a table that compares it itself.

    Args:
        row: with ``experiment, model, seeds, verdict``, the published value, and the
            mean and standard deviation of `column`.
        column: whose number it is.
        quantity: what it is.
        words: what the table's verdicts mean here.
    """
    return Number(
        row["experiment"],
        row["model"],
        quantity,
        row[f"{column}_mean"],
        row[f"{column}_std"],
        row["seeds"],
        row["published_mean"],
        row["published_std"],
        str(words.get(row["verdict"], row["verdict"])),
    )


def beside_published(
    cube: xr.Dataset, about: dict, mean: float, std: float
) -> dict[str, Any]:
    """The columns of a table that compare a model's number with the published one.

    Args:
        cube: that the number is from.
        about: the model, as `aggregate.models` describes it.
        mean: of our seeds; infinite if one diverged.
        std: of our seeds, NaN if there is one seed only.

    Returns:
        ``published_mean`` and ``published_std``, NaN if no number is known, and
        ``verdict``: that of `compared`, or why the two cannot be compared.
    """
    known = about.get("published") or {}
    columns = {
        f"published_{key}": math.nan if known.get(key) is None else known[key]
        for key in ("mean", "std")
    }
    if not known:
        verdict = NOT_PUBLISHED
    elif not cube.attrs["published_size"]:
        verdict = f"not comparable: {cube.attrs['budget']} size"
    elif not cube.attrs["published_protocol"]:
        verdict = f"not comparable: protocol {cube.attrs['protocol']}"
    else:
        verdict = compared(mean, std, *columns.values())
    return {**columns, "verdict": verdict}


def compared(mean: float, std: float, published: float, published_std: float) -> str:
    """``reproduced``, ``lower`` or ``higher`` than the published value.

    Args:
        mean: of our seeds; infinite if one diverged.
        std: of our seeds, NaN if there is one seed only.
        published: the mean to compare with.
        published_std: of the published seeds; NaN if it is not known.
    """
    spread = [0.0 if math.isnan(each) else each for each in (published_std, std)]
    allowed = max(2 * math.hypot(*spread), TOLERANCE * published)
    if abs(mean - published) <= allowed:
        return "reproduced"
    return "lower" if mean < published else "higher"


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
