"""Forecasting error as in training, at longer roll-outs, and at other velocities.

All errors are mean squared errors of predictions clipped to [0, 1]. ``k×`` stands for
the last frames, as many as the trained horizon, of a roll-out k times as long. V are
the velocities that a model keeps a state for. Velocities are *seen*, those of the
training data, *unseen*, those that are not but are in V, and *outside*, those in
neither; a baseline has no V, and all that it has not seen is unseen. Means are over
sequences, the frames of the trained horizon, and seeds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pandas as pd
import xarray as xr

from fernn.evaluation import aggregate
from fernn.evaluation.errors import (
    CLASSES,
    MULTIPLES,
    by_class,
    clipped,
    last_frames,
)
from fernn.tables import _fairness

SHOWS = {
    "in_distribution": {
        "statistic": "squared_error",
        "draw": "sampled",
        "longer": False,
    },
    "length": {"statistic": "squared_error", "draw": "sampled", "longer": True},
    "velocity": {"statistic": "squared_error", "draw": "grid"},
}
NOTE = (
    "Mean squared error of predictions clipped to [0, 1]. 1x, 4x, 7x: the last frames,"
    " as many as the trained horizon, of roll-outs of that many horizons; median: over"
    " sequences, then seeds. Velocities: seen in training; unseen, but in V, the"
    " velocities that the model keeps a state for; outside, neither."
)


def tabulate(cubes: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row for each experiment and model; NaN where a role has no cube.

    Raises:
        UserError: a cube of another statistic.
    """
    aggregate.require(cubes, SHOWS)
    columns: dict[str, Callable] = {
        "in_distribution": _in_distribution,
        "length": _length,
        "velocity": _velocity,
    }
    rows: dict[tuple[str, str], dict] = {}
    for cube, called in zip(cubes, aggregate.names(cubes, SHOWS), strict=True):
        measure = columns[aggregate.role(cube, SHOWS)]
        for name, about in aggregate.models(cube).items():
            row = rows.setdefault((called, name), _empty(cube, called, about))
            row |= measure(cube, name, about)
    table = pd.DataFrame(rows.values())
    table.attrs["notes"] = [NOTE, *_fairness.notes(cubes)]
    return table


def _empty(cube: xr.Dataset, called: str, about: dict) -> dict:
    names = ["in_distribution"]
    for multiple in MULTIPLES:
        names += [f"length_{multiple}x", f"length_{multiple}x_median"]
    names += [f"velocity_{name}" for name in CLASSES]
    head = {"experiment": called, "model": about["label"]}
    head |= {"rollout": _fairness.rollout(cube, about), "seeds": cube.sizes["seed"]}
    return head | dict.fromkeys(names, math.nan)


def _in_distribution(cube: xr.Dataset, name: str, about: dict) -> dict:
    return {"in_distribution": float(clipped(cube, name).mean())}


def _length(cube: xr.Dataset, name: str, about: dict) -> dict:
    found = {}
    for multiple, error in last_frames(cube, name):
        middle = aggregate.median(error.mean("frame"), ["sample", "seed"])
        found[f"length_{multiple}x"] = float(error.mean())
        found[f"length_{multiple}x_median"] = float(middle)
    return found


def _velocity(cube: xr.Dataset, name: str, about: dict) -> dict:
    near = clipped(aggregate.trained_frames(cube), name).mean(["seed", "frame"])
    classes = by_class(cube, near, about)
    return {f"velocity_{name}": float(error) for name, error in classes.items()}
