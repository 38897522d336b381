"""The error where velocities change, with mixed slots and without, Table 4."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import xarray as xr

from fernn.evaluation import aggregate
from fernn.reproduction._number import Number, of_columns
from fernn.tables.velocity_mixing import SHOWS, tabulate

QUANTITIES = {
    "mse_mean": "clipped test MSE",
    "steady": "clipped test MSE, sequences without a change",
    "changing": "clipped test MSE, sequences with a change",
}


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """The error of every trained model on each kind of sequences that there is."""
    for cube in cubes:
        if aggregate.role(cube, SHOWS) == "in_distribution":
            yield from of_columns(tabulate, cube, QUANTITIES)
