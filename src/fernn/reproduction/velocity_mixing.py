"""The error where velocities change, with mixed slots and without, Table 4."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import xarray as xr

from fernn.evaluation import aggregate
from fernn.reproduction._number import Number, by_seed, over_seeds
from fernn.tables.velocity_mixing import tabulate

QUANTITIES = {
    "mse_mean": "clipped test MSE",
    "steady": "clipped test MSE, sequences without a change",
    "changing": "clipped test MSE, sequences with a change",
}


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """The error of every trained model on each kind of sequences that there is."""
    for cube in cubes:
        if cube.attrs["axis"] != "in_distribution":
            continue
        seeds = by_seed(tabulate, cube)
        for about in aggregate.models(cube, baselines=False).values():
            for column, quantity in QUANTITIES.items():
                values = seeds[about["label"]][column].to_numpy(float)
                if not np.isnan(values).any():
                    yield over_seeds(cube, about["label"], quantity, values)
