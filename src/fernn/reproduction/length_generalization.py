"""The error far beyond the trained length, at the end of Fig. 4."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import xarray as xr

from fernn.reproduction._number import Number, of_columns
from fernn.tables.generalization import MULTIPLES, tabulate


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """The error of the last frames of the longest roll-out that the table has."""
    for cube in cubes:
        horizon, last = int(cube.attrs["horizon"]), int(cube["frame"].max())
        longest = max(k for k in MULTIPLES if k * horizon <= last)
        first = (longest - 1) * horizon + 1
        quantity = f"clipped test MSE, frames {first} to {longest * horizon}"
        yield from of_columns(tabulate, cube, {f"length_{longest}x": quantity})
