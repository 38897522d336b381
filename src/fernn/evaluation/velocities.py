"""The velocities of recipes and cubes: their components, and samples on a grid."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import numpy as np
import xarray as xr

from fernn.velocities import Velocity

VELOCITY = "velocity_"


def names(data: xr.Dataset | xr.DataArray) -> list[str]:
    """The variables of a velocity's components, such as ``velocity_rows``, in order."""
    found = data.variables if isinstance(data, xr.Dataset) else data.coords
    return [str(name) for name in found if str(name).startswith(VELOCITY)]


def components(data: xr.Dataset | xr.DataArray) -> list[str]:
    """The components of a velocity: rows and columns, or degrees."""
    return [name.removeprefix(VELOCITY) for name in names(data)]


def units(recipe: xr.Dataset) -> dict[str, str]:
    """The attributes of a velocity's components."""
    return {"units": recipe[names(recipe)[0]].attrs.get("units", "pixel/frame")}


def slot_axes(
    velocities: Sequence[Velocity],
) -> tuple[list[list[int]], list[tuple[int, ...]]]:
    """The sorted speeds of each component, and each slot's place among them."""
    sides = [sorted(set(speeds)) for speeds in zip(*velocities, strict=True)]
    places = [
        tuple(side.index(speed) for side, speed in zip(sides, velocity, strict=True))
        for velocity in velocities
    ]
    return sides, places


def by_velocity(cube: xr.Dataset, values: xr.DataArray) -> xr.DataArray:
    """Mean over the samples of each velocity, on the grid of velocities.

    Args:
        cube: of a grid, whose velocities the first digits of its samples have.
        values: one of its variables, with dimension ``sample``.

    Returns:
        `values` with the components of the velocity, such as ``velocity_rows,
        velocity_columns``, in place of ``sample``; NaN where the grid has no sample.
    """
    variables = names(cube)
    speeds = [cube[name].isel(digit=0).values for name in variables]
    grids = [np.unique(speed) for speed in speeds]
    values = values.transpose(..., "sample")
    result = np.full((*values.shape[:-1], *map(len, grids)), np.nan)
    for at in np.ndindex(*map(len, grids)):
        pairs = zip(speeds, grids, at, strict=True)
        chosen = np.all([speed == grid[i] for speed, grid, i in pairs], axis=0)
        if chosen.any():
            result[(..., *at)] = values.values[..., chosen].mean(axis=-1)
    coords = {str(d): values[d] for d in values.dims[:-1] if d in values.coords}
    coords |= dict(zip(variables, grids, strict=True))
    return xr.DataArray(result, coords=coords, dims=(*values.dims[:-1], *variables))


def shared(cube: xr.Dataset) -> bool:
    """Whether several digits of each sample all have its velocity: they move as one."""
    digits = [cube[name].transpose("sample", "digit").values for name in names(cube)]
    alike = all((moves == moves[:, :1]).all() for moves in digits)
    return alike and digits[0].shape[1] > 1


def period(cube: xr.Dataset) -> int:
    """Velocities are the same modulo this: a turn, or the size of the frame."""
    turns = components(cube) == ["degrees"]
    return 360 if turns else int(cube.attrs["frame_size"])


def trained(cube: xr.Dataset) -> set[tuple[int, ...]]:
    """The velocities of the training data."""
    step = int(cube.attrs.get("step", 1))
    multiples = range(-int(cube.attrs["max_speed"]), int(cube.attrs["max_speed"]) + 1)
    speeds = [step * multiple for multiple in multiples]
    return set(itertools.product(speeds, repeat=len(names(cube))))


def mask(sides: Sequence[np.ndarray], chosen: Iterable, size: int) -> np.ndarray:
    """True on the cells of a grid of velocities that are in `chosen`.

    Args:
        sides: the grid's speeds along each component.
        chosen: velocities, tuples of components.
        size: velocities are the same modulo `size`; see `period`.
    """
    cells = {tuple(int(part) % size for part in velocity) for velocity in chosen}
    mask = np.zeros([len(side) for side in sides], dtype=bool)
    for at in np.ndindex(mask.shape):
        mask[at] = (
            tuple(int(s[i]) % size for s, i in zip(sides, at, strict=True)) in cells
        )
    return mask


def speed(cube: xr.Dataset) -> np.ndarray:
    """The larger of the components of each sample's velocity, pixel/frame."""
    parts = [np.abs(cube[VELOCITY + name].values) for name in ("rows", "columns")]
    return np.maximum(*parts)
