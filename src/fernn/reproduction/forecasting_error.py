"""The test errors of Table 1."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import xarray as xr

from fernn.reproduction._number import LESS_IS_BETTER, Number, from_table
from fernn.tables import _published
from fernn.tables.forecasting_error import tabulate

PUBLISHED = {
    "G-RNN" if speed == 0 else f"FERNN-V{speed}": value
    for speed, value in _published.TRANSLATION.items()
}
QUANTITY = "test MSE"


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """The mean squared error of every trained model."""
    table = tabulate(cubes)
    trained = table.dropna(subset=["rollout"])
    yield from from_table(trained, "mse", QUANTITY, LESS_IS_BETTER)
