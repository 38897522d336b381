"""Where the training curves of Fig. 3 end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import xarray as xr

from fernn.evaluation import aggregate
from fernn.reproduction._number import Number, over_seeds

QUANTITY = "validation MSE after training"


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """The validation error of each model's last epoch."""
    for cube in cubes:
        for name, about in aggregate.models(cube, baselines=False).items():
            error = cube["validation_error"].sel(model=name)
            trained = error.dropna("epoch", how="all").isel(epoch=-1)
            last = aggregate.worst(trained).values
            yield over_seeds(cube, about["label"], QUANTITY, last)
