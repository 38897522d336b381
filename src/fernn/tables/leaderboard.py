"""Models of a benchmark over all its tests, the best first.

Experiments with the same models, the same protocol and the same budget, what their
models share, are a group. In each test of it, for each seed, models are ranked by their
error, the mean squared error of predictions clipped to [0, 1], or the share of clips
that a classifier names wrongly; a model's *mean rank* is over tests and seeds, beside
its 95 % interval over seeds. The columns of tests are the error over that of the
reference, the geometric mean over the experiments and seeds of the group; so is
*ratio*, over all tests. It has a 95 % interval over seeds, in pairs, and the p-value of
a sign-flip test, corrected by Holm's method for all comparisons of the table. *seconds*
are of the processor, for one training of every experiment.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from string import ascii_uppercase
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from fernn.evaluation import aggregate, significance
from fernn.tables import _fairness
from fernn.tables._benchmark import SHOWS, budget, reference, tests, versions

__all__ = ["SHOWS", "tabulate"]
ONLY_LISTED = True
Key = tuple[tuple[str, ...], str, str]
AGAIN = "1x"  # the test in distribution, of other sequences
NOTE = (
    "mean rank: over the tests of a group and the seeds; rank low, rank high: its 95"
    " % t-interval over seeds. Tests: the error over the reference's, geometric means;"
    " 4x, 7x: the last frames, as many as the trained horizon, of roll-outs of that"
    " many horizons; new velocities: those that are not in the training data; noise:"
    " its standard deviation in the observed frames; mistakes: of classifiers, half a"
    " clip added, under the camera of training and a faster one. ratio: over all"
    " tests, pairs of equal seeds; p: of a ratio of 1, sign flips of the seeds'"
    " logarithms, corrected (Holm) for all comparisons of this table; at least"
    " {least:.2g}, uncorrected. A model that loses here may win at another size. Every"
    " test: leaderboard_tests. Commit and versions are in the CSV file alone."
)


def tabulate(cubes: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row for each group of experiments and model, the best first."""
    rows: dict[tuple[str, str], dict] = {}
    effects: dict[tuple[str, str], significance.Effect | None] = {}
    notes = []
    for letter, group in zip(_letters(), _groups(cubes).values(), strict=False):
        errors = _errors(group)
        if errors is None:
            continue
        notes.append(_about(letter, group))
        for name, row in _rows(group, errors).items():
            rows[letter, name] = {"group": letter, **row}
        for name, effect in _against(group, errors).items():
            effects[letter, name] = effect
    for key, columns in significance.columns(effects, "ratio").items():
        rows[key] |= {f"ratio_{n}" if n in ENDS else n: v for n, v in columns.items()}
    table = _with_tests_together(pd.DataFrame(rows.values()))
    least = min(table["least_p"].dropna(), default=math.nan)
    table.attrs["notes"] = [NOTE.format(least=least), *notes, *_fairness.notes(cubes)]
    table.attrs["csv_only"] = ["experiments", "least_p", "commit", "versions"]
    return table


ENDS = ("low", "high")
LAST = ("ratio", "ratio_low", "ratio_high", "p", "least_p", "experiments")
LAST += ("commit", "versions")


def _letters() -> Iterator[str]:
    """Names of groups: A to Z, then AA, AB and so on."""
    for length in itertools.count(1):
        for letters in itertools.product(ascii_uppercase, repeat=length):
            yield "".join(letters)


def _groups(cubes: Sequence[xr.Dataset]) -> dict[Key, list[xr.Dataset]]:
    """Cubes with the same models, trained by the same protocol, that share the same."""
    found: dict[Key, list[xr.Dataset]] = {}
    for cube in cubes:
        names = tuple(aggregate.models(cube, baselines=False))
        key = names, cube.attrs.get("protocol", ""), budget(cube)
        found.setdefault(key, []).append(cube)
    return found


def _errors(group: Sequence[xr.Dataset]) -> xr.DataArray | None:
    """Of every test of a group: (test, model, seed); None without any."""
    found = {}
    for cube in group:
        for test, errors in tests(cube).items():
            if test == AGAIN:
                continue
            alike = {n: e.reset_coords(drop=True) for n, e in errors.items()}
            names = xr.DataArray([*alike], dims="model", name="model")
            stacked = xr.concat([*alike.values()], names)
            found[cube.attrs["experiment"], test] = aggregate.worst(stacked)
    if not found:
        return None
    kinds = xr.DataArray([test for _, test in found], dims="test", name="test")
    joined = xr.concat([*found.values()], kinds, join="inner")
    return joined.transpose("test", "model", "seed")


def _rows(group: Sequence[xr.Dataset], errors: xr.DataArray) -> dict[str, dict]:
    """Models, the best mean rank first, without the comparisons."""
    from scipy.stats import rankdata

    ranks = errors.copy(data=rankdata(errors.values, axis=1)).mean("test")
    order = ranks["model"].values[np.argsort(ranks.mean("seed"), kind="stable")]
    return {
        name: {"budget": budget(group[0]), "rank": place}
        | _row(group, str(name), errors, ranks.sel(model=name))
        for place, name in enumerate(map(str, order), start=1)
    }


def _row(
    group: Sequence[xr.Dataset], name: str, errors: xr.DataArray, ranks: xr.DataArray
) -> dict[str, Any]:
    every = [known[name] for cube in group if name in (known := aggregate.models(cube))]
    about = every[0]
    low, high = (math.nan,) * 2
    if about["role"] != "baseline":
        low, high = map(float, aggregate.t_interval(ranks))
    experiments = dict.fromkeys(cube.attrs["experiment"] for cube in group)
    return {
        "model": about["label"],
        "parameters": max(each["parameters"] for each in every),
        "seconds": _seconds(group, name),
        "mean_rank": float(ranks.mean()),
        "rank_low": low,
        "rank_high": high,
        **_over_reference(group, name, errors),
        **dict.fromkeys(LAST, math.nan),
        "experiments": ", ".join(experiments),
        **versions(group[0]),
    }


def _over_reference(
    group: Sequence[xr.Dataset], name: str, errors: xr.DataArray
) -> dict[str, float]:
    """The error over the reference's in each kind of test."""
    other = reference(group[0])
    if other is None:
        return {}
    means = aggregate.geometric_mean(errors)
    apart = means.sel(model=name) / means.sel(model=other)
    kinds = dict.fromkeys(errors["test"].values.tolist())
    chosen = {
        kind: apart.isel(test=np.flatnonzero(apart.test == kind)) for kind in kinds
    }
    return {k: float(aggregate.geometric_mean(v, "test")) for k, v in chosen.items()}


def _against(
    group: Sequence[xr.Dataset], errors: xr.DataArray
) -> dict[str, significance.Effect | None]:
    """Each trained model's error over the reference's, over all tests."""
    other = reference(group[0])
    if other is None:
        return {}
    means = aggregate.geometric_mean(errors, "test")
    return {
        name: significance.ratio(means.sel(model=name), means.sel(model=other))
        for name in aggregate.models(group[0], baselines=False)
        if name != other
    }


def _seconds(group: Sequence[xr.Dataset], name: str) -> float:
    """Processor seconds of one training of each experiment; NaN if not measured."""
    timed = [
        cube["processor_seconds"]
        .sel(model=name)
        .max("epoch")
        .mean("seed", skipna=False)
        for cube in group
        if "processor_seconds" in cube and name in cube["model"]
    ]
    return float(sum(timed)) if timed else math.nan


def _with_tests_together(table: pd.DataFrame) -> pd.DataFrame:
    """The columns of tests, which groups may have or not, before those of all tests."""
    ends = [name for name in LAST if name in table]
    first = [name for name in table if name not in ends]
    return table.reindex(columns=[*first, *ends])


def _about(letter: str, group: Sequence[xr.Dataset]) -> str:
    other, experiments = (
        reference(group[0]),
        dict.fromkeys(cube.attrs["experiment"] for cube in group),
    )
    against = aggregate.models(group[0])[other]["label"] if other else "none"
    seeds = min(cube.sizes["seed"] for cube in group)
    return (
        f"{letter}: {budget(group[0])}; reference: {against}; {seeds} seeds:"
        f" {', '.join(experiments)}."
    )
