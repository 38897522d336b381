"""The test errors of Table 1."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import xarray as xr

from fernn.reproduction._number import LESS_IS_BETTER, Number, from_table
from fernn.tables import _published
from fernn.tables.forecasting_error import tabulate

QUANTITY = "test MSE"


def _label(velocities: Collection[tuple[int, ...]]) -> str:
    """The model with this V: of degrees, every tenth is a step."""
    fastest = max(map(max, velocities))
    steps = fastest // 10 if {len(each) for each in velocities} == {1} else fastest
    return f"FERNN-V{steps}" if steps else "G-RNN"


PUBLISHED = [
    (_label(velocities), value) for (_, velocities), value in _published.VALUES.items()
]


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """The mean squared error of every trained model."""
    table = tabulate(cubes)
    trained = table.dropna(subset=["rollout"])
    yield from from_table(trained, "mse", QUANTITY, LESS_IS_BETTER)
