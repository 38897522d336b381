"""The accuracy under cameras faster than in training, Fig. 6."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import xarray as xr

from fernn.evaluation import aggregate, velocities
from fernn.reproduction._number import Number, over_seeds

QUANTITY = "test accuracy, cameras faster than in training"


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """The accuracy of every model, of cubes that have such cameras."""
    for cube in cubes:
        faster = velocities.speed(cube) > int(cube.attrs["max_speed"])
        if not faster.any():
            continue
        correct = cube["correct"].transpose("model", "seed", "sample")
        for name, about in aggregate.models(cube).items():
            values = correct.sel(model=name).values[:, faster].mean(1)
            yield over_seeds(cube, about["label"], QUANTITY, values)
