"""The error at velocities never seen, Fig. 5."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import xarray as xr

from fernn.reproduction._number import Number, of_columns
from fernn.tables.generalization import tabulate

QUANTITIES = {
    "velocity_seen": "clipped test MSE, velocities of training",
    "velocity_unseen": "clipped test MSE, velocities unseen, in V",
    "velocity_outside": "clipped test MSE, velocities unseen, not in V",
}


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """The error of every model for each class of velocities that it has."""
    for cube in cubes:
        yield from of_columns(tabulate, cube, QUANTITIES)
