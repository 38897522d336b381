"""Forecasting error on test sequences as in training (the paper's Table 1).

Mean squared error over the predicted frames of the test sequences: mean ± standard
deviation over seeds, and the median over sequences and then seeds, beside the
published value. A value is reproduced if it lies within twice the combined standard
deviation of the published one, or within 10 % of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
import xarray as xr

from fernn.evaluation import aggregate
from fernn.tables import _published

AXES = ("in_distribution",)
TOLERANCE = 0.1  # of the published value


def tabulate(cubes: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row for each experiment and model; the footnotes are ``attrs["notes"]``.

    Raises:
        UserError: a cube of another axis.
    """
    aggregate.require(cubes, AXES)
    rows = [
        _row(cube, name, about)
        for cube in cubes
        for name, about in aggregate.models(cube).items()
    ]
    table = pd.DataFrame(rows)
    table.attrs["notes"] = [_published.SOURCE, _published.EVIDENCE]
    return table


def _row(cube: xr.Dataset, name: str, about: dict) -> dict:
    error = aggregate.worst(cube["squared_error"].sel(model=name))
    sample = error.mean("frame")
    seeds = sample.mean("sample")
    mean = float(seeds.mean("seed"))
    spread = seeds.size > 1 and math.isfinite(mean) and not about["baseline"]
    std = float(seeds.std("seed", ddof=1)) if spread else math.nan
    published = None
    if not about["baseline"]:
        published = _published.forecasting_error(
            aggregate.trained_velocities(cube), about["velocities"]
        )
    return {
        "experiment": cube.attrs["experiment"],
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
        "verdict": _verdict(cube, mean, std, published),
    }


def _verdict(
    cube: xr.Dataset, mean: float, std: float, published: _published.Value | None
) -> str:
    if published is None:
        return "not published"
    if not cube.attrs["published_size"]:
        return f"not comparable: {cube.attrs['budget']} size"
    if cube.attrs["protocol"] != "published":
        return f"not comparable: protocol {cube.attrs['protocol']}"
    return verdict(mean, std, published)


def verdict(mean: float, std: float, published: _published.Value) -> str:
    """``reproduced``, ``lower`` or ``higher`` than the published value.

    Args:
        mean: of our seeds; infinite if one diverged.
        std: of our seeds, NaN if there is one seed only.
        published: what to compare with.
    """
    combined = math.hypot(published.std, 0.0 if math.isnan(std) else std)
    allowed = max(2 * combined, TOLERANCE * published.mean)
    if abs(mean - published.mean) <= allowed:
        return "reproduced"
    return "lower" if mean < published.mean else "higher"
