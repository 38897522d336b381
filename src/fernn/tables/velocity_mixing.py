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
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from fernn.evaluation import aggregate, significance
from fernn.evaluation.errors import clipped, last_frames
from fernn.evaluation.numbers import Number, over_seeds

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
QUANTITIES = {
    "mse": "clipped test MSE",
    "steady": "clipped test MSE, sequences without a change",
    "changing": "clipped test MSE, sequences with a change",
}
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
                row |= {f"length_{k}x": float(error.mean()) for k, error in ends}
            else:
                row |= _in_distribution(cube, name, about) | tests.get(name, {})
    table = pd.DataFrame(rows.values())
    table.attrs["notes"] = [NOTE]
    return table


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """The error of every trained model on each kind of sequences that there is."""
    for cube in cubes:
        if aggregate.role(cube, SHOWS) != "in_distribution":
            continue
        for name, about in aggregate.models(cube, baselines=False).items():
            for kind, samples in _kinds(cube, name).items():
                values = samples.mean("sample").values
                yield over_seeds(cube, about["label"], QUANTITIES[kind], values)


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


def _kinds(cube: xr.Dataset, name: str) -> dict[str, xr.DataArray]:
    """A model's error, (seed, sample), on all sequences and on each kind there is."""
    samples = clipped(cube, name).mean("frame")
    found, changing = {"mse": samples}, _changing(cube)
    if changing is not None:
        for kind, mask in (("steady", ~changing), ("changing", changing)):
            if mask.any():
                found[kind] = samples.isel(sample=np.flatnonzero(mask))
    return found


def _in_distribution(cube: xr.Dataset, name: str, about: dict) -> dict:
    kinds = _kinds(cube, name)
    seeds = kinds.pop("mse").mean("sample")
    mean, std = aggregate.mean_and_std(seeds, about["role"] == "baseline")
    means = {kind: float(samples.mean()) for kind, samples in kinds.items()}
    return {"mse_mean": mean, "mse_std": std, **means}


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
