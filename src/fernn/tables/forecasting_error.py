"""Forecasting error on test sequences drawn as in training (the paper's Table 1).

Mean squared error over the predicted frames of the test sequences: mean ± standard
deviation over seeds, and the median over sequences and then seeds, beside the published
value. The verdict *reproduced* stands for a value within twice the combined standard
deviation of the published one, or within 10 % of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
import xarray as xr

from fernn.evaluation import aggregate, velocities
from fernn.tables import _published
from fernn.tables._verdict import verdict

SHOWS = {
    "in_distribution": {
        "statistic": "squared_error",
        "draw": "sampled",
        "longer": False,
    }
}


def tabulate(cubes: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row for each experiment and model; the footnotes are ``attrs["notes"]``.

    Raises:
        UserError: a cube of another statistic.
    """
    aggregate.require(cubes, SHOWS)
    rows = [
        _row(cube, called, name, about)
        for cube, called in zip(cubes, aggregate.names(cubes, SHOWS), strict=True)
        for name, about in aggregate.models(cube).items()
    ]
    table = pd.DataFrame(rows)
    table.attrs["notes"] = [_published.SOURCE, _published.EVIDENCE]
    return table


def _row(cube: xr.Dataset, called: str, name: str, about: dict) -> dict:
    error = aggregate.worst(cube["squared_error"].sel(model=name))
    sample = error.mean("frame")
    seeds = sample.mean("sample")
    mean, std = aggregate.mean_and_std(seeds, about["baseline"])
    published = None
    if not about["baseline"]:
        published = _published.forecasting_error(
            velocities.trained(cube), about["velocities"]
        )
    return {
        "experiment": called,
        "model": about["label"],
        "rollout": None if about["baseline"] else cube.attrs["rollout"],
        "seeds": seeds.size,
        "frames": error.sizes["frame"],
        "mse_mean": mean,
        "mse_std": std,
        "mse_median": float(aggregate.median(sample, ["sample", "seed"])),
        "published_mean": published.mean if published else math.nan,
        "published_std": published.std if published else math.nan,
        "ratio": mean / published.mean if published else math.nan,
        "verdict": verdict(cube, mean, std, published, _published.PROTOCOL),
    }
