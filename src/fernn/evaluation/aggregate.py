"""Summaries of cubes: over samples and seeds. Pure xarray and numpy.

Errors are averaged first and transformed after. Seeds differ by factors rather than
by amounts, and one that drifts must not decide a figure: lines are geometric means
with intervals of the logarithm, and medians count what is not a number as the worst.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from fernn import needs
from labrun.errors import UserError
from labrun.spread import quantile


def require(cubes: Sequence[xr.Dataset], shows: needs.Shows) -> None:
    """Refuse cubes that fit none of the roles `shows`.

    Raises:
        UserError: one does not.
    """
    for cube in cubes:
        role(cube, shows)


def role(cube: xr.Dataset, shows: needs.Shows) -> str:
    """Which of the roles `shows` a cube has.

    Raises:
        UserError: it fits none.
    """
    about = properties(cube)
    found = needs.role(shows, about)
    if found is None:
        raise UserError(
            f"the cube {_name(cube)} is of {needs.words(about)}; needed:"
            f" {needs.all_words(shows)}"
        )
    return found


def incomplete(cube: xr.Dataset, needed: str) -> UserError:
    """What is wrong with a cube of an earlier version."""
    return UserError(f"the cube {_name(cube)} says no {needed}; combine it again")


def _name(cube: xr.Dataset) -> str:
    return f"{cube.attrs.get('experiment', '?')}/{cube.attrs.get('axis', '?')}"


def properties(cube: xr.Dataset) -> dict[str, Any]:
    """What `fernn.needs` tells of a cube.

    Raises:
        UserError: it does not say its statistic or its horizon.
    """
    if cube.attrs.get("experiment") == needs.BENCH:
        return {"measurement": cube.attrs["axis"]}
    for needed in ("statistic", "horizon"):
        if needed not in cube.attrs:
            raise incomplete(cube, needed)
    parts = {str(name) for name in (*cube.variables, *cube.dims, *cube.attrs)}
    turning = {f"{part}_degrees" for part in ("velocity", "flow", "slot")} & parts
    longest = int(cube["frame"].max()) if "frame" in cube.variables else 0
    return {
        "statistic": cube.attrs["statistic"],
        "draw": cube.attrs.get("draw"),
        "unit": "degrees" if turning else "pixels",
        "longer": longest > int(cube.attrs["horizon"]),
        "changing": "first_change" in cube.coords,
        "redraw": cube.attrs.get("redraw", "epoch"),
    }


def names(cubes: Sequence[xr.Dataset], shows: needs.Shows) -> list[str]:
    """What each cube is called: its experiment, with the axis if that has several.

    An experiment may have several cubes of one role; a table tells them apart.
    """
    keys = [(cube.attrs["experiment"], role(cube, shows)) for cube in cubes]
    return [
        key[0] if keys.count(key) == 1 else f"{key[0]}/{cube.attrs['axis']}"
        for key, cube in zip(keys, cubes, strict=True)
    ]


def entries(
    cubes: Sequence[xr.Dataset], shows: needs.Shows
) -> Iterator[tuple[xr.Dataset, str, str, dict[str, Any]]]:
    """Each model of each cube: cube, what that is called, name, and `models` of it."""
    for cube, called in zip(cubes, names(cubes, shows), strict=True):
        for name, about in models(cube).items():
            yield cube, called, name, about


def models(cube: xr.Dataset, baselines: bool = True) -> dict[str, dict]:
    """The cube's models in display order: name -> label, velocities, cost, ...

    Args:
        cube: any cube.
        baselines: whether to list those that are not trained.

    Raises:
        UserError: the cube does not say the role of a model, or which is an oracle.
    """
    present = set(cube["model"].values.tolist())
    described = json.loads(cube.attrs["models"])
    own = {name: about for name, about in described.items() if name in present}
    for needed in ("role", "oracle"):
        if not all(needed in about for about in own.values()):
            raise incomplete(cube, f"{needed} of a model")
    return {
        name: about
        for name, about in own.items()
        if baselines or about["role"] != "baseline"
    }


def trained_frames(cube: xr.Dataset) -> xr.Dataset:
    """The predicted frames up to the trained horizon, frames 1..horizon."""
    return cube.sel(frame=slice(1, int(cube.attrs["horizon"])))


def geometric_mean(values: xr.DataArray, dim: str = "seed") -> xr.DataArray:
    """The exponential of the mean logarithm; 0 if a value is, NaN if one is."""
    mean = _log(values).mean(dim=dim, skipna=False)
    return mean.copy(data=np.exp(mean.values))


def _log(values: xr.DataArray) -> xr.DataArray:
    with np.errstate(divide="ignore"):  # of 0, an exact forecast
        return values.copy(data=np.log(values.values))


def t_interval(seeds: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    r"""Student's 95 % interval of the mean, :math:`\bar x \pm t_{n-1} s / \sqrt n`.

    Returns:
        The lower and the upper bound; NaN for a single value.
    """
    count = seeds.sizes["seed"]
    mean = seeds.mean("seed", skipna=False)
    if count < 2:
        return mean * np.nan, mean * np.nan
    error = seeds.std("seed", ddof=1, skipna=False) / np.sqrt(count)
    half = quantile(count - 1) * error
    return mean - half, mean + half


def geometric_interval(seeds: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """`t_interval` of the logarithm, as values again: positive, and by factors."""
    low, high = t_interval(_log(seeds))
    return low.copy(data=np.exp(low.values)), high.copy(data=np.exp(high.values))


def median(values: xr.DataArray, dims: Sequence[str]) -> xr.DataArray:
    """The median over each of `dims` in turn; NaN counts as the worst, infinity.

    Over samples and then over seeds it is unmoved by a few samples that explode and
    by a minority of seeds that do.
    """
    values = worst(values)
    for dim in dims:
        values = values.median(dim)
    return values


def worst(values: xr.DataArray) -> xr.DataArray:
    """The errors, with infinity for what is not a number: a network that diverged."""
    return values.where(values.notnull(), np.inf)


def mean_and_std(seeds: ArrayLike, baseline: bool = False) -> tuple[float, float]:
    """The mean over seeds and their standard deviation.

    The second is NaN for a single seed, where one diverged, and for a baseline, which
    has nothing that differs between seeds.
    """
    values = np.asarray(seeds)
    several = values.size > 1 and not baseline and bool(np.isfinite(values).all())
    return float(values.mean()), float(values.std(ddof=1)) if several else np.nan


def columns(name: str, seeds: ArrayLike, baseline: bool = False) -> dict[str, float]:
    """`mean_and_std` as two columns of a table, ``name_mean`` and ``name_std``."""
    mean, std = mean_and_std(seeds, baseline)
    return {f"{name}_mean": mean, f"{name}_std": std}
