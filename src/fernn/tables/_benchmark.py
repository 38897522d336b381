"""What the tables of a benchmark read of its cubes: tests, budgets, versions."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import metadata

import numpy as np
import xarray as xr

from fernn.evaluation import aggregate, velocities
from fernn.evaluation.errors import by_class, clipped, last_frames
from fernn.tables import generalization

SHOWS = {
    **generalization.SHOWS,
    "noise": {"statistic": "noise"},
    "seconds": {"statistic": "processor_seconds"},
    "camera": {"statistic": "classification"},
}
VERSIONED = ("torch", "numpy", "xarray")
BUDGETS = {  # what models share, of a budget's `match`
    "compute": "equal compute",
    "epochs": "equal epochs",
    "parameters": "equal parameters",
}


def tests(cube: xr.Dataset) -> dict[str, dict[str, xr.DataArray]]:
    """Of each test that a cube is of, the error (seed) of each model."""
    role = aggregate.role(cube, SHOWS)
    if role == "seconds":  # no test
        return {}
    if role == "camera":
        return _mistaken(cube)
    found: dict[str, dict[str, xr.DataArray]] = {}
    for name, about in aggregate.models(cube).items():
        for test, error in _of_model(cube, role, name, about):
            found.setdefault(test, {})[name] = error
    return found


def _mistaken(cube: xr.Dataset) -> dict[str, dict[str, xr.DataArray]]:
    """The share of clips that are named wrongly, where the camera is as in training.

    Half a clip is added, of one more, so that a model without mistakes has a ratio.
    """
    wrong, fast = 1 - cube["correct"], velocities.speed(cube) > cube.attrs["max_speed"]
    found = {}
    for test, chosen in (("mistakes", ~fast), ("mistakes, faster camera", fast)):
        if chosen.any():
            clips = wrong.isel(sample=np.flatnonzero(chosen))
            share = (clips.sum("sample") + 0.5) / (clips.sizes["sample"] + 1)
            found[test] = {n: share.sel(model=n) for n in aggregate.models(cube)}
    return found


def _of_model(
    cube: xr.Dataset, role: str, name: str, about: dict
) -> Iterator[tuple[str, xr.DataArray]]:
    if role == "length":
        for multiple, error in last_frames(cube, name):
            yield f"{multiple}x", error.mean(("sample", "frame"))
        return
    error = clipped(aggregate.trained_frames(cube), name).mean("frame")
    if role == "noise":
        for level in error["noise"].values[1:]:  # the first is without
            yield f"noise {level:g}", error.sel(noise=level, drop=True).mean("sample")
        return
    if role == "in_distribution":
        yield "in distribution", error.mean("sample")
        return
    # As of a baseline, to which all velocities are unseen that are not in training.
    error = error.transpose("seed", "sample")
    classes = by_class(cube, error, about | {"role": "baseline"})
    mean = error.isel(sample=0, drop=True).copy(data=classes["unseen"])
    yield "new velocities", mean


def reference(cube: xr.Dataset) -> str | None:
    """The model that the others are compared with."""
    models = aggregate.models(cube, baselines=False)
    return next((name for name in models if models[name]["reference"]), None)


def budget(cube: xr.Dataset) -> str:
    """What the models of a cube share; widths may be tuned besides."""
    shared = BUDGETS.get(cube.attrs.get("match", ""), "as configured")
    return f"{shared}, width tuned" if cube.attrs.get("widths") else shared


def versions(cube: xr.Dataset) -> dict[str, str]:
    """The commit that measured a cube, and the packages where the table is made."""
    found = [f"{name} {metadata.version(name)}" for name in VERSIONED]
    return {"commit": cube.attrs.get("commit", ""), "versions": ", ".join(found)}
