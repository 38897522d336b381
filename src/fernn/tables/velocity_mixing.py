"""Forecasting error where digits change their velocity (the paper's Table 4).

A model keeps a state, called a slot, for each of its velocities V; in a mixed model the
slots exchange information in every step. Mean squared error of predictions clipped to
[0, 1] over the predicted frames: mean ± standard deviation over seeds, then apart for
*steady* sequences, whose digits keep their velocities up to the last of these frames,
and *changing* ones; the same of predictions as they are follows as *raw*, as the paper
has it. A row with *against* compares two models of the same V on the changing
sequences, the larger with the smaller, seeds in pairs: the geometric mean of the ratio
of their errors, its 95 % t-interval, and the p-value of a sign-flip test, corrected by
Holm's method for all comparisons of the table. The paper's numbers of this table are
not known.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from fernn.evaluation import aggregate, significance
from fernn.evaluation.errors import COLUMNS, QUANTITIES, Measure, clipped, last_frames
from fernn.evaluation.numbers import Number, over_seeds
from fernn.tables import _controls, _fairness

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
KINDS = {
    "mse": "",
    "steady": ", sequences without a change",
    "changing": ", sequences with a change",
}
COMPARED = ("mse", "changing", *(f"length_{k}x" for k in MULTIPLES))  # with controls
NOTE = (
    "Mean squared error of predictions clipped to [0, 1]; raw: of predictions as they"
    " are, the paper's. steady, changing: sequences in which no velocity changes up to"
    " the last predicted frame, and the others. 2x, 4x: the last frames, as many as the"
    " trained horizon, of roll-outs of that many horizons. ratio: clipped error over"
    " that of the model in against, changing sequences, geometric mean over pairs of"
    " equal seeds; low, high: its 95 % t-interval. p: of a ratio of 1, sign flips of"
    " the seeds' logarithms, corrected (Holm) for all comparisons of this table;"
    " least p: the smallest that as many seeds can give, uncorrected. A mixed model has"
    " more parameters than one that is not; a wider one has about as many."
)


def tabulate(cubes: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row for each experiment and model, then one for each comparison.

    A value is NaN where a role has no cube.
    """
    rows: dict[tuple[str, ...], dict] = {}
    about_of: dict[tuple[str, ...], dict] = {}
    effects: dict[tuple[str, ...], significance.Effect | None] = {}
    for cube, called in zip(cubes, aggregate.names(cubes, SHOWS), strict=True):
        role, described = aggregate.role(cube, SHOWS), aggregate.models(cube)
        measure = _length if role == "length" else _in_distribution
        for name, about in described.items():
            row = rows.setdefault((called, name), _empty(cube, called, about))
            row |= measure(cube, name, about)
            about_of[called, name] = about
        for name, other in _pairs(cube) if role == "in_distribution" else []:
            row = _empty(cube, called, described[name])
            rows[called, name, other] = row | {"against": described[other]["label"]}
            effects[called, name, other] = _effect(cube, name, other)
    for key, columns in significance.columns(effects, "ratio").items():
        rows[key] |= columns
    table = pd.DataFrame(rows.values())
    told = [(key[0], about, rows[key]) for key, about in about_of.items()]
    table.attrs["notes"] = [NOTE, *_controls.note(told, COMPARED, COLUMNS)]
    table.attrs["notes"] += _fairness.notes(cubes)
    return table


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """The errors of every trained model on each kind of sequences that there is."""
    for cube in cubes:
        if aggregate.role(cube, SHOWS) != "in_distribution":
            continue
        for name, about in aggregate.models(cube, baselines=False).items():
            for quantity, measure in QUANTITIES.items():
                for kind, samples in _kinds(cube, name, measure).items():
                    values = samples.mean("sample").values
                    words = quantity + KINDS[kind]
                    yield over_seeds(cube, about["label"], words, values)


def _empty(cube: xr.Dataset, called: str, about: dict) -> dict:
    head = {"experiment": called, "model": about["label"], "against": math.nan}
    head |= {"seeds": cube.sizes["seed"], "parameters": about["parameters"]}
    lengths = [f"length_{multiple}x" for multiple in MULTIPLES]
    errors = ("mse_mean", "mse_std", "steady", "changing", *lengths)
    tests = ("ratio", "low", "high", "p", "least_p")
    first, second = ([f"{begin}{name}" for name in errors] for begin in COLUMNS)
    return head | dict.fromkeys((*first, *tests, *second), math.nan)


def _changing(cube: xr.Dataset) -> np.ndarray | None:
    """Whether a velocity changes up to the trained horizon; None if it is not known."""
    if "first_change" not in cube.coords:
        return None
    last = int(cube.attrs["context"]) + int(cube.attrs["horizon"])
    return cube["first_change"].values < last


def _kinds(cube: xr.Dataset, name: str, measure: Measure) -> dict[str, xr.DataArray]:
    """A model's error, (seed, sample), on all sequences and on each kind there is."""
    samples = measure(cube, name).mean("frame")
    found, changing = {"mse": samples}, _changing(cube)
    if changing is not None:
        for kind, mask in (("steady", ~changing), ("changing", changing)):
            if mask.any():
                found[kind] = samples.isel(sample=np.flatnonzero(mask))
    return found


def _in_distribution(cube: xr.Dataset, name: str, about: dict) -> dict:
    found = {}
    for begin, measure in COLUMNS.items():
        kinds = _kinds(cube, name, measure)
        seeds = kinds.pop("mse").mean("sample")
        baseline = about["role"] == "baseline"
        found |= aggregate.columns(f"{begin}mse", seeds, baseline)
        found |= {f"{begin}{kind}": float(own.mean()) for kind, own in kinds.items()}
    return found


def _length(cube: xr.Dataset, name: str, about: dict) -> dict:
    return {
        f"{begin}length_{multiple}x": float(error.mean())
        for begin, measure in COLUMNS.items()
        for multiple, error in last_frames(cube, name, MULTIPLES, measure)
    }


def _pairs(cube: xr.Dataset) -> list[tuple[str, str]]:
    """Each two models of the same V, that with more parameters first.

    There are none where no sequence is known to change.
    """
    changing = _changing(cube)
    if changing is None or not changing.any():
        return []
    described = aggregate.models(cube, baselines=False)
    by_size = sorted(described, key=lambda name: described[name]["parameters"])
    return [
        (name, other)
        for other, name in itertools.combinations(by_size, 2)
        if described[name]["velocities"] == described[other]["velocities"]
    ]


def _effect(cube: xr.Dataset, name: str, other: str) -> significance.Effect | None:
    """The ratio of two models' errors on the sequences that change."""
    both = (_kinds(cube, model, clipped)["changing"] for model in (name, other))
    return significance.ratio(*(samples.mean("sample") for samples in both))
