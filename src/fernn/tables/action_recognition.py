"""Accuracy on clips of persons never seen, under a moving camera (the paper's Table 2).

Share of test clips whose action is named correctly: at the velocities of the training
data, mean ± standard deviation over seeds, and at faster ones. Each model is compared
with the G-RNN on the same clips at all velocities: the difference with its 95 %
interval, persons drawn again, and McNemar's test on whether most seeds, velocities and
start frames of a clip are right. p-values are corrected for the number of models by
Holm's method.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from fernn.evaluation import aggregate, significance, velocities
from fernn.tables import _published
from fernn.tables._verdict import verdict

SHOWS = {"camera": {"statistic": "classification"}}
TESTS = ("difference", "low", "high", "p", "p_mcnemar")
NOTE = (
    "difference, low, high: accuracy minus the G-RNN's, over all velocities; 95 %"
    " interval of a bootstrap over persons. p: of no difference, corrected (Holm)."
)


def tabulate(cubes: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row for each experiment and model; NaN in the tests of the reference.

    Raises:
        UserError: a cube of another statistic.
    """
    aggregate.require(cubes, SHOWS)
    names = aggregate.names(cubes, SHOWS)
    rows = [_rows(cube, called) for cube, called in zip(cubes, names, strict=True)]
    table = pd.DataFrame([row for part in rows for row in part])
    table.attrs["notes"] = [NOTE, _published.ACTIONS_SOURCE, _published.EVIDENCE]
    return table


def _rows(cube: xr.Dataset, called: str) -> list[dict]:
    names = list(aggregate.models(cube))
    tests = _tests(cube, names)
    rows = []
    for name, about in aggregate.models(cube).items():
        correct = cube["correct"].sel(model=name)
        seen = velocities.speed(cube) <= int(cube.attrs["max_speed"])
        seeds = correct.isel(sample=np.flatnonzero(seen)).mean("sample")
        mean, std = aggregate.mean_and_std(seeds)
        published = _published.accuracy(cube.attrs, about)
        rows.append(
            {
                "experiment": called,
                "source": cube.attrs.get("source", ""),
                "model": about["label"],
                "seeds": seeds.size,
                "accuracy_mean": mean,
                "accuracy_std": std,
                "faster": float(correct.isel(sample=np.flatnonzero(~seen)).mean()),
                **tests[name],
                "published_mean": published.mean if published else math.nan,
                "published_std": published.std if published else math.nan,
                "verdict": verdict(
                    cube, mean, std, published, _published.ACTIONS_PROTOCOL
                ),
            }
        )
    return rows


def _tests(cube: xr.Dataset, names: list[str]) -> dict[str, dict[str, float]]:
    """Each model against the reference, on the same samples."""
    reference = _reference(cube)
    found: dict[str, dict[str, float]] = {}
    found |= {name: dict.fromkeys(TESTS, math.nan) for name in names}
    family = []
    base = cube["correct"].sel(model=reference).mean("seed").values
    for name in names:
        own = cube["correct"].sel(model=name).mean("seed").values
        if name == reference or np.isnan(own).any() or np.isnan(base).any():
            continue
        paired = significance.clustered_bootstrap(own - base, cube["person"].values)
        clips = [_by_clip(cube, values) > 0.5 for values in (own, base)]
        values = (paired.mean, paired.low, paired.high, paired.p)
        both = (*values, significance.mcnemar(*clips))
        found[name] = dict(zip(TESTS, both, strict=True))
        family.append(name)
    for key in ("p", "p_mcnemar"):
        corrected = significance.holm([found[name][key] for name in family])
        for name, value in zip(family, corrected, strict=True):
            found[name][key] = value
    return found


def _by_clip(cube: xr.Dataset, values: np.ndarray) -> np.ndarray:
    """The mean over the velocities and start frames of each clip."""
    place = np.unique(cube["clip"].values, return_inverse=True)[1]
    return np.bincount(place, values) / np.bincount(place)


def _reference(cube: xr.Dataset) -> str:
    """The G-RNN: the recurrent model with V = {0}; without one, the first model."""
    about = aggregate.models(cube)
    still = [name for name, a in about.items() if a["velocities"] == [[0, 0]]]
    return [*still, *about][0]
