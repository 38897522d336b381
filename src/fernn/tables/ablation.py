"""What a roll-out and longer training horizons bring to each model.

Each row is a model trained in one way, of experiments that differ in nothing else.
*extended*: whether horizons are longer in the second half of training. Errors are mean
squared errors of predictions clipped to [0, 1], over the frames of the trained horizon
and, `k×`, over the last frames, as many, of a roll-out of k horizons: mean ± standard
deviation over seeds, and the median over sequences and then seeds.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
import xarray as xr

from fernn.evaluation import aggregate
from fernn.evaluation.errors import MULTIPLES, clipped, last_frames
from fernn.tables import _fairness, generalization

SHOWS = {role: generalization.SHOWS[role] for role in ("in_distribution", "length")}
ONLY_LISTED = True  # other experiments differ in more than this
LONGER = [multiple for multiple in MULTIPLES if multiple > 1]
NAMES = ["in_distribution", *(f"length_{multiple}x" for multiple in LONGER)]
NOTE = (
    "Mean squared error of predictions clipped to [0, 1]. 4x, 7x: the last frames, as"
    " many as the trained horizon, of roll-outs of that many horizons; median: over"
    " sequences, then seeds. Epochs and learning rates of all rows were chosen by the"
    " error over {frames} validation frames."
)


def tabulate(cubes: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row for each model and way of training, by model; NaN without a cube."""
    rows: dict[str, dict[str, dict[str, Any]]] = {}  # by model, then experiment
    for cube in cubes:
        role = aggregate.role(cube, SHOWS)
        for name, about in aggregate.models(cube).items():
            own = rows.setdefault(name, {})
            row = own.setdefault(cube.attrs["experiment"], _way(cube, about))
            for column, error in _errors(cube, role, name):
                row |= _summary(column, error, about["role"] == "baseline")
    table = pd.DataFrame(
        [row for experiments in rows.values() for row in experiments.values()]
    )
    frames = {str(cube.attrs.get("validation_horizon", "?")) for cube in cubes}
    table.attrs["notes"] = [NOTE.format(frames=" or ".join(sorted(frames)))]
    table.attrs["notes"] += _fairness.notes(cubes)
    return table


def _way(cube: xr.Dataset, about: dict[str, Any]) -> dict[str, Any]:
    """The row of a model without its errors."""
    columns = [f"{name}_{end}" for name in NAMES for end in ("mean", "std", "median")]
    return {
        "model": about["label"],
        **_fairness.recipe(cube, about),
        "seeds": cube.sizes["seed"],
        **dict.fromkeys(columns, math.nan),
    }


def _errors(
    cube: xr.Dataset, role: str, name: str
) -> Iterator[tuple[str, xr.DataArray]]:
    """The errors that a cube tells, (seed, sample, frame), by their column."""
    if role == "in_distribution":
        yield "in_distribution", clipped(cube, name)
    else:
        for multiple, error in last_frames(cube, name, LONGER):
            yield f"length_{multiple}x", error


def _summary(column: str, error: xr.DataArray, baseline: bool) -> dict[str, float]:
    sample = error.mean("frame")
    middle = float(aggregate.median(sample, ["sample", "seed"]))
    found = aggregate.columns(column, sample.mean("sample"), baseline)
    return found | {f"{column}_median": middle}
