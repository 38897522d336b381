"""Forecasting error as in training, at longer roll-outs, and at other velocities.

Errors are mean squared errors of predictions clipped to [0, 1]; the same of predictions
as they are follows as *raw*, as the paper has it. ``k×`` stands for the last frames, as
many as the trained horizon, of a roll-out k times as long. V are the velocities that a
model keeps a state for. Velocities are *seen*, those of the training data, *unseen*,
those that are not but are in V, and *outside*, those in neither; a baseline has no V,
and all that it has not seen is unseen. They are of one digit; others move as in
training or, in the authors' test, with it. Means are over sequences, the frames of the
trained horizon, and seeds; *geometric* ones are over the seeds, which may differ by
factors, of such means of each seed.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
import xarray as xr

from fernn.evaluation import aggregate, velocities
from fernn.evaluation.errors import COLUMNS, NAMES, Measure, last_frames, of_seeds
from fernn.tables import _controls, _fairness

SHOWS = {
    "in_distribution": {
        "statistic": "squared_error",
        "draw": "sampled",
        "longer": False,
    },
    "length": {"statistic": "squared_error", "draw": "sampled", "longer": True},
    "velocity": {"statistic": "squared_error", "draw": "grid"},
}
# Of a model and of a baseline, which has no V, unseen velocities are not the same ones.
COMPARED = tuple(n for n in NAMES if n not in ("velocity_unseen", "velocity_outside"))
NOTE = (
    "Mean squared error of predictions clipped to [0, 1]; raw: of predictions as they"
    " are, the paper's. 1x, 4x, 7x: the last frames, as many as the trained horizon, of"
    " roll-outs of that many horizons; median: over sequences, then seeds; geometric:"
    " mean over seeds, in place of the arithmetic one beside it; seeds: how many."
    " Velocities: seen in training; unseen, but in V, the velocities that the model"
    " keeps a state for; outside, neither; of one digit, beside others that move as in"
    " training{shared}. The raw and the geometric columns are in the"
    " CSV file alone."
)


def tabulate(cubes: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row for each experiment and model; NaN where a role has no cube."""
    rows: dict[tuple[str, str], dict] = {}
    described: dict[tuple[str, str], dict] = {}
    for cube, called in zip(cubes, aggregate.names(cubes, SHOWS), strict=True):
        for name, about in aggregate.models(cube).items():
            row = rows.setdefault((called, name), _empty(cube, called, about))
            described[called, name] = about
            for begin, measure in COLUMNS.items():
                found = _measured(cube, name, about, measure)
                row |= {f"{begin}{column}": value for column, value in found}
    table = pd.DataFrame(rows.values())
    table.attrs["csv_only"] = [n for n in table if _in_csv_only(str(n))]
    told = [(key[0], about, rows[key]) for key, about in described.items()]
    table.attrs["notes"] = [_note(cubes), *_controls.note(told, COMPARED, COLUMNS)]
    table.attrs["notes"] += _fairness.notes(cubes)
    return table


def _note(cubes: Sequence[xr.Dataset]) -> str:
    """What the columns are, and where all digits of a sequence move as one."""
    grids = [cube for cube in cubes if aggregate.role(cube, SHOWS) == "velocity"]
    alike = [cube.attrs["experiment"] for cube in grids if velocities.shared(cube)]
    told = f" (as the authors test, all digits alike: {', '.join(alike)})"
    return NOTE.format(shared=told if alike else "")


def _in_csv_only(column: str) -> bool:
    return column.startswith("raw_") or column.endswith("_geometric")


def _empty(cube: xr.Dataset, called: str, about: dict) -> dict:
    names = [each for name in NAMES for each in (name, _beside(name))]
    names = [f"{begin}{name}" for begin in COLUMNS for name in names]
    head = {"experiment": called, "model": about["label"]}
    head |= {"rollout": _fairness.rollout(cube, about), "seeds": cube.sizes["seed"]}
    return head | dict.fromkeys(names, math.nan)


def _beside(name: str) -> str:
    """The column of a mean's robust counterpart.

    Long roll-outs of single sequences diverge: of them it is the median. Other errors
    differ between seeds alone, by factors: it is the geometric mean over seeds.
    """
    return f"{name}_{'median' if name.startswith('length') else 'geometric'}"


def _measured(
    cube: xr.Dataset, model: str, about: dict, measure: Measure
) -> Iterator[tuple[str, float]]:
    """Columns and their values, of the role that the cube has."""
    role = aggregate.role(cube, SHOWS)
    for name, values in of_seeds(cube, role, model, about, measure).items():
        yield name, float(np.mean(values))
        if role != "length":
            geometric = aggregate.geometric_mean(xr.DataArray(values, dims="seed"))
            yield _beside(name), float(geometric)
    if role == "length":
        for multiple, error in last_frames(cube, model, measure=measure):
            middle = aggregate.median(error.mean("frame"), ["sample", "seed"])
            yield _beside(f"length_{multiple}x"), float(middle)
