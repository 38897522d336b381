"""Forecasting error where digits change their velocity (the paper's Table 4).

A model keeps a state, called a slot, for each of its velocities V; in a mixed model the
slots exchange information in every step. Mean squared error of predictions clipped to
[0, 1] over the predicted frames: mean ± standard deviation over seeds, then apart for
*steady* sequences, whose digits keep their velocities up to the last of these frames,
and *changing* ones. The difference is that of a model with mixed slots, or more
channels, from the smallest one with the same V, on the changing sequences. The paper's
numbers of this table are not known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from fernn.evaluation import aggregate, significance
from fernn.tables._errors import clipped, last_frames

SHOWS = {
    "in_distribution": {
        "statistic": "squared_error",
        "draw": "sampled",
        "longer": False,
        "changing": True,
    },
    "length": {
        "statistic": "squared_error",
        "draw": "sampled",
        "longer": True,
        "changing": True,
    },
}
MULTIPLES = (2, 4)  # of the trained horizon
TESTS = ("difference", "low", "high", "p")
NOTE = (
    "Mean squared error of predictions clipped to [0, 1]. steady, changing: sequences"
    " in which no velocity changes up to the last predicted frame, and the others."
    " difference, low, high, p: from the smallest model with the same V, changing"
    " sequences, means over these seeds; 95 % interval and p-value of a paired t-test"
    " over sequences, corrected (Holm). 2x, 4x: the last frames, as many as the trained"
    " horizon, of roll-outs of that many horizons. A mixed model has more parameters"
    " than one that is not; a wider one has about as many."
)


def tabulate(cubes: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row for each experiment and model; NaN where a role has no cube.

    Raises:
        UserError: a cube of another statistic.
    """
    aggregate.require(cubes, SHOWS)
    rows: dict[tuple[str, str], dict] = {}
    for cube, called in zip(cubes, aggregate.names(cubes, SHOWS), strict=True):
        role = aggregate.role(cube, SHOWS)
        tests = _tests(cube) if role == "in_distribution" else {}
        for name, about in aggregate.models(cube).items():
            row = rows.setdefault((called, name), _empty(cube, called, about))
            if role == "length":
                ends = last_frames(cube, name, MULTIPLES)
                row |= {column: float(error.mean()) for column, error in ends}
            else:
                row |= _in_distribution(cube, name, about) | tests.get(name, {})
    table = pd.DataFrame(rows.values())
    table.attrs["notes"] = [NOTE]
    return table


def _empty(cube: xr.Dataset, called: str, about: dict) -> dict:
    head = {"experiment": called, "model": about["label"]}
    head |= {"seeds": cube.sizes["seed"], "parameters": about["parameters"]}
    lengths = [f"length_{multiple}x" for multiple in MULTIPLES]
    values = ("mse_mean", "mse_std", "steady", "changing", *TESTS, *lengths)
    return head | dict.fromkeys(values, math.nan)


def _changing(cube: xr.Dataset) -> np.ndarray | None:
    """Whether a velocity changes up to the trained horizon; None if it is not known."""
    if "first_change" not in cube.coords:
        return None
    last = int(cube.attrs["context"]) + int(cube.attrs["horizon"])
    return cube["first_change"].values < last


def _in_distribution(cube: xr.Dataset, name: str, about: dict) -> dict:
    samples = clipped(cube, name).mean("frame")
    mean, std = aggregate.mean_and_std(samples.mean("sample"), about["baseline"])
    found = {"mse_mean": mean, "mse_std": std}
    changing = _changing(cube)
    if changing is not None:
        for key, mask in (("steady", ~changing), ("changing", changing)):
            part = samples.isel(sample=np.flatnonzero(mask))
            found[key] = float(part.mean()) if mask.any() else math.nan
    return found


def _tests(cube: xr.Dataset) -> dict[str, dict[str, float]]:
    """Each larger model against the smallest, on the sequences that change."""
    changing = _changing(cube)
    if changing is None or changing.sum() < 2:
        return {}
    found = {}
    for name, reference in _pairs(cube):
        both = [clipped(cube, m).mean(("seed", "frame")) for m in (name, reference)]
        apart = (both[0] - both[1]).values[changing]
        if np.isfinite(apart).all():
            test = significance.paired(apart)
            found[name] = dict(
                zip(TESTS, (test.mean, test.low, test.high, test.p), strict=True)
            )
    corrected = significance.holm([row["p"] for row in found.values()])
    for row, p in zip(found.values(), corrected, strict=True):
        row["p"] = p
    return found


def _pairs(cube: xr.Dataset) -> list[tuple[str, str]]:
    """Models, and those with the same V that have the fewest parameters."""
    described = aggregate.models(cube, baselines=False)
    pairs = []
    for name, about in described.items():
        same = [
            n for n, a in described.items() if a["velocities"] == about["velocities"]
        ]
        least = min(same, key=lambda other: described[other]["parameters"])
        if described[least]["parameters"] < about["parameters"]:
            pairs.append((name, least))
    return pairs
