"""The error at velocities never seen, Fig. 5."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import xarray as xr

from fernn.evaluation import aggregate
from fernn.reproduction._number import Number, by_seed, over_seeds
from fernn.tables.generalization import tabulate

QUANTITIES = {
    "velocity_seen": "clipped test MSE, velocities of training",
    "velocity_unseen": "clipped test MSE, velocities unseen, in V",
    "velocity_outside": "clipped test MSE, velocities unseen, not in V",
}


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """The error of every model for each class of velocities that it has."""
    for cube in cubes:
        seeds = by_seed(tabulate, cube)
        for about in aggregate.models(cube, baselines=False).values():
            for column, quantity in QUANTITIES.items():
                values = seeds[about["label"]][column].to_numpy(float)
                if not np.isnan(values).any():
                    yield over_seeds(cube, about["label"], quantity, values)
