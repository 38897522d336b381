"""Velocities by their components: rows and columns, or degrees."""

from __future__ import annotations

from collections.abc import Sequence

import xarray as xr

from fernn.velocities import Velocity

VELOCITY = "velocity_"


def components(recipe: xr.Dataset) -> list[str]:
    """The names of a velocity's components in a recipe, such as rows and columns."""
    names = [str(name) for name in recipe.variables]
    found = [name for name in names if name.startswith(VELOCITY)]
    return [name.removeprefix(VELOCITY) for name in found]


def units(recipe: xr.Dataset) -> dict[str, str]:
    """The attributes of a velocity's components."""
    name = VELOCITY + components(recipe)[0]
    return {"units": recipe[name].attrs.get("units", "pixel/frame")}


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
