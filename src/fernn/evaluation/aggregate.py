"""Summaries of cubes: over samples, seeds and velocities. Pure xarray and numpy.

Errors are averaged first and transformed after. Seeds differ by factors rather than
by amounts, and one that drifts must not decide a figure: lines are geometric means
with intervals of the logarithm, and medians count what is not a number as the worst.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from fernn.errors import UserError


def require(cubes: Sequence[xr.Dataset], axes: Iterable[str]) -> None:
    """Refuse cubes of another axis.

    Raises:
        UserError: a cube's axis is none of `axes`.
    """
    allowed = tuple(axes)
    for cube in cubes:
        axis = cube.attrs.get("axis")
        if axis not in allowed:
            name = cube.attrs.get("experiment", "?")
            known = " or ".join(allowed)
            raise UserError(f"the cube of {name!r} has axis {axis!r}; needed: {known}")


def require_components(cubes: Sequence[xr.Dataset], names: list[str]) -> None:
    """Refuse cubes of another kind of velocities.

    Raises:
        UserError: a cube's velocities have other components than `names`.
    """
    for cube in cubes:
        found = [axis.removeprefix("velocity_") for axis in velocity_axes(cube)]
        if found != names:
            raise UserError(
                f"the velocities of {cube.attrs.get('experiment', '?')!r} are"
                f" {' and '.join(found) or 'none'}; needed: {' and '.join(names)}"
            )


def models(cube: xr.Dataset, baselines: bool = True) -> dict[str, dict]:
    """The cube's models in display order: name -> label, velocities, cost, ...

    Args:
        cube: any cube.
        baselines: whether to list those that are not trained.
    """
    present = set(cube["model"].values.tolist())
    described = json.loads(cube.attrs["models"])
    return {
        name: about
        for name, about in described.items()
        if name in present and (baselines or not about["baseline"])
    }


def geometric_mean(values: xr.DataArray, dim: str = "seed") -> xr.DataArray:
    """The exponential of the mean logarithm; 0 if a value is, NaN if one is."""
    mean = _log(values).mean(dim=dim, skipna=False)
    return mean.copy(data=np.exp(mean.values))


def _log(values: xr.DataArray) -> xr.DataArray:
    with np.errstate(divide="ignore"):  # of 0, an exact forecast
        return values.copy(data=np.log(values.values))


def t_interval(
    values: xr.DataArray, dim: str = "seed", level: float = 0.95
) -> tuple[xr.DataArray, xr.DataArray]:
    r"""Student's interval of the mean, :math:`\bar x \pm t_{n-1} s / \sqrt n`.

    Returns:
        The lower and the upper bound; NaN for a single value.
    """
    from scipy.special import stdtrit  # the quantile, without all of scipy.stats

    count = values.sizes[dim]
    mean = values.mean(dim, skipna=False)
    if count < 2:
        return mean * np.nan, mean * np.nan
    error = values.std(dim, ddof=1, skipna=False) / np.sqrt(count)
    half = stdtrit(count - 1, (1 + level) / 2) * error
    return mean - half, mean + half


def geometric_interval(
    values: xr.DataArray, dim: str = "seed", level: float = 0.95
) -> tuple[xr.DataArray, xr.DataArray]:
    """`t_interval` of the logarithm, as values again: positive, and by factors."""
    low, high = t_interval(_log(values), dim, level)
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


def trained_frames(cube: xr.Dataset) -> xr.Dataset:
    """The predicted frames up to the trained horizon, frames 1..horizon."""
    return cube.sel(frame=slice(1, int(cube.attrs["horizon"])))


def by_velocity(cube: xr.Dataset, values: xr.DataArray) -> xr.DataArray:
    """Mean over the samples of each velocity, on the grid of velocities.

    Args:
        cube: a cube in which all digits of a sample move alike.
        values: one of its variables, with dimension ``sample``.

    Returns:
        `values` with the components of the velocity, such as ``velocity_rows,
        velocity_columns``, in place of ``sample``; NaN where the grid has no sample.

    Raises:
        ValueError: the digits of a sample move differently.
    """
    axes = velocity_axes(cube)
    speeds = []
    for axis in axes:
        digits = cube[axis].transpose("sample", "digit").values
        if (digits != digits[:, :1]).any():
            raise ValueError(f"`{axis}` differs between the digits of a sample")
        speeds.append(digits[:, 0])
    grids = [np.unique(speed) for speed in speeds]
    values = values.transpose(..., "sample")
    result = np.full((*values.shape[:-1], *map(len, grids)), np.nan)
    for at in np.ndindex(*map(len, grids)):
        pairs = zip(speeds, grids, at, strict=True)
        chosen = np.all([speed == grid[i] for speed, grid, i in pairs], axis=0)
        if chosen.any():
            result[(..., *at)] = values.values[..., chosen].mean(axis=-1)
    coords = {str(d): values[d] for d in values.dims[:-1] if d in values.coords}
    coords |= dict(zip(axes, grids, strict=True))
    return xr.DataArray(result, coords=coords, dims=(*values.dims[:-1], *axes))


def velocity_axes(cube: xr.Dataset | xr.DataArray) -> list[str]:
    """The names of a velocity's components, in order."""
    names = cube.variables if isinstance(cube, xr.Dataset) else cube.coords
    return [str(name) for name in names if str(name).startswith("velocity_")]


def period(cube: xr.Dataset) -> int:
    """Velocities are the same modulo this: a turn, or the size of the frame."""
    turns = velocity_axes(cube) == ["velocity_degrees"]
    return 360 if turns else int(cube.attrs["frame_size"])


def trained_velocities(cube: xr.Dataset) -> set[tuple[int, ...]]:
    """The velocities of the training data."""
    step = int(cube.attrs.get("step", 1))
    multiples = range(-int(cube.attrs["max_speed"]), int(cube.attrs["max_speed"]) + 1)
    speeds = [step * multiple for multiple in multiples]
    return set(itertools.product(speeds, repeat=len(velocity_axes(cube))))


def velocity_mask(
    sides: Sequence[np.ndarray], velocities: Iterable, size: int
) -> np.ndarray:
    """True on the cells of a grid of velocities that are in `velocities`.

    Args:
        sides: the grid's speeds along each component.
        velocities: tuples of components.
        size: velocities are the same modulo `size`; see `period`.
    """
    cells = {tuple(int(part) % size for part in velocity) for velocity in velocities}
    mask = np.zeros([len(side) for side in sides], dtype=bool)
    for at in np.ndindex(mask.shape):
        mask[at] = (
            tuple(int(s[i]) % size for s, i in zip(sides, at, strict=True)) in cells
        )
    return mask


def speed(cube: xr.Dataset) -> np.ndarray:
    """The larger of the components of each sample's velocity, pixel/frame."""
    parts = [np.abs(cube[f"velocity_{axis}"].values) for axis in ("rows", "columns")]
    return np.maximum(*parts)


def square(speed: int) -> set[tuple[int, int]]:
    """All velocities of up to `speed` pixels per frame along each axis."""
    steps = range(-int(speed), int(speed) + 1)
    return {(row, column) for row in steps for column in steps}
