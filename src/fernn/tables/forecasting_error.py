"""Forecasting error on test sequences drawn as in training (the paper's Table 1).

Mean squared error over the predicted frames of the test sequences: mean ± standard
deviation over seeds, the geometric mean over seeds, which differ by factors rather than
by amounts, and the median over sequences and then seeds, beside the published value.
The verdict *reproduced* stands for an error whose ratio to the published one lies, with
its whole interval over seeds, within the margin that the footnote tells; one seed is
always *undecided*.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from fernn.evaluation import aggregate
from fernn.evaluation.comparison import (
    LESS_IS_BETTER,
    beside_published,
    claims,
    notes,
)
from fernn.evaluation.numbers import Number, of_row
from fernn.tables import _controls, _fairness

SHOWS = {
    "in_distribution": {
        "statistic": "squared_error",
        "draw": "sampled",
        "longer": False,
    }
}
QUANTITY = "test MSE"


def tabulate(cubes: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row for each experiment and model; the footnotes are ``attrs["notes"]``."""
    rows = [
        (called, about, _row(cube, called, name, about))
        for cube, called, name, about in aggregate.entries(cubes, SHOWS)
    ]
    table = pd.DataFrame([row for *_, row in rows])
    beaten = _controls.note(rows, ["mse"])
    table.attrs["notes"] = [*beaten, *notes(cubes), *_fairness.notes(cubes)]
    return table


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """The mean squared error of every trained model, and what is claimed of it."""
    trained = tabulate(cubes).dropna(subset=["rollout"])
    for row in trained.to_dict("records"):
        yield of_row(row, "mse", QUANTITY)
    for cube in cubes:
        models = aggregate.models(cube, baselines=False)
        seeds = {name: _samples(cube, name).mean("sample").values for name in models}
        yield from claims(cube, seeds, QUANTITY, LESS_IS_BETTER)


def _samples(cube: xr.Dataset, name: str) -> xr.DataArray:
    """The error of each seed and sequence, its mean over the frames."""
    return aggregate.worst(cube["squared_error"].sel(model=name)).mean("frame")


def _row(cube: xr.Dataset, called: str, name: str, about: dict) -> dict:
    sample = _samples(cube, name)
    seeds = sample.mean("sample")
    baseline = about["role"] == "baseline"
    return {
        "experiment": called,
        "model": about["label"],
        "rollout": _fairness.rollout(cube, about),
        "seeds": seeds.size,
        "frames": cube.sizes["frame"],
        **aggregate.columns("mse", seeds, baseline),
        "mse_geometric": float(aggregate.geometric_mean(seeds)),
        "mse_median": float(aggregate.median(sample, ["sample", "seed"])),
        **beside_published(cube, about, np.asarray(seeds), LESS_IS_BETTER),
    }
