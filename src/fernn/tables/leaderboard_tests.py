"""Every test of a benchmark: its models, the best first, with intervals.

Errors are mean squared errors of predictions clipped to [0, 1], over sequences and the
frames of the trained horizon; ``k×`` stands for the last frames, as many, of a roll-out
k times as long. *new velocities* are those that are not in the training data, of all
models the same; *noise* is the standard deviation of what is added to the observed
frames. *mistakes* are of classifiers, the share of clips that are named wrongly, with
half a clip added. *budget* is what the models of an experiment share. Models are ranked
by the geometric mean over seeds, beside its 95 % interval. *ratio* compares a model
with the reference of its experiment, seeds in pairs: the geometric mean of the ratio of
their errors, its 95 % interval, and the p-value of a sign-flip test, corrected by
Holm's method for all comparisons of the table. Baselines are not trained and have no
seeds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
import xarray as xr

from fernn.evaluation import aggregate, significance
from fernn.tables import _controls, _fairness
from fernn.tables._benchmark import SHOWS, budget, reference, tests, versions

__all__ = ["SHOWS", "tabulate"]
ONLY_LISTED = True
NOTE = (
    "Clipped mean squared error, geometric mean over seeds; low, high: its 95 %"
    " t-interval. 1x, 4x, 7x: the last frames, as many as the trained horizon, of"
    " roll-outs of that many horizons; new velocities: those that are not in the"
    " training data; noise: its standard deviation in the observed frames; mistakes: of"
    " classifiers, the share of clips, half a clip added. ratio: over"
    " the error of the model in against, pairs of equal seeds; p: of a ratio of 1, sign"
    " flips of the seeds' logarithms, corrected (Holm) for all comparisons of this"
    " table; least p: the smallest that as many seeds can give, uncorrected. Commit and"
    " versions are in the CSV file alone."
)


def tabulate(cubes: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row for each experiment, test and model, the best first."""
    rows: dict[tuple[str, str, str], dict] = {}
    told: list[_controls.Row] = []
    effects: dict[tuple[str, str, str], significance.Effect | None] = {}
    for cube, called in zip(cubes, aggregate.names(cubes, SHOWS), strict=True):
        for test, errors in tests(cube).items():
            for rank, name in enumerate(_ranked(errors), start=1):
                row = {"experiment": called, "budget": budget(cube), "test": test}
                row |= {"rank": rank, **_row(cube, name, errors[name])}
                rows[called, test, name] = row
                told.append((f"{called}, {test}", aggregate.models(cube)[name], row))
            for name, effect in _against(cube, errors).items():
                effects[called, test, name] = effect
    for key, columns in significance.columns(effects, "ratio").items():
        rows[key] |= {_renamed(name): value for name, value in columns.items()}
    table = pd.DataFrame(rows.values())
    beaten = _controls.note(told, ["error"])
    table.attrs["notes"] = [NOTE, *beaten, *_fairness.notes(cubes)]
    table.attrs["csv_only"] = ["commit", "versions"]
    return table


def _ranked(errors: dict[str, xr.DataArray]) -> list[str]:
    """Names, the best first; what is not a number last."""

    def place(name: str) -> float:
        mean = float(aggregate.geometric_mean(errors[name]))
        return math.inf if math.isnan(mean) else mean

    return sorted(errors, key=place)


def _row(cube: xr.Dataset, name: str, errors: xr.DataArray) -> dict:
    about = aggregate.models(cube)[name]
    trained = about["role"] != "baseline"
    low, high = aggregate.geometric_interval(errors) if trained else (math.nan,) * 2
    other = reference(cube)
    against = aggregate.models(cube)[other]["label"] if other else None
    return {
        "model": about["label"],
        "parameters": about["parameters"],
        "seeds": cube.sizes["seed"] if trained else math.nan,
        "error": float(aggregate.geometric_mean(errors)),
        "low": float(low),
        "high": float(high),
        "against": against if trained and name != other else None,
        **dict.fromkeys(("ratio", "ratio_low", "ratio_high", "p", "least_p"), math.nan),
        **versions(cube),
    }


def _renamed(column: str) -> str:
    """The ends of a ratio's interval; those of an error's are in other columns."""
    return f"ratio_{column}" if column in ("low", "high") else column


def _against(
    cube: xr.Dataset, errors: dict[str, xr.DataArray]
) -> dict[str, significance.Effect | None]:
    """Each trained model's error over the reference's."""
    other = reference(cube)
    if other is None:
        return {}
    trained = aggregate.models(cube, baselines=False)
    return {
        name: significance.ratio(errors[name], errors[other])
        for name in trained
        if name != other
    }
