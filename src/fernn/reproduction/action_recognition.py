"""The accuracies of Table 2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import xarray as xr

from fernn.reproduction._number import MORE_IS_BETTER, Number, from_table
from fernn.tables import _published
from fernn.tables.action_recognition import tabulate

PUBLISHED = [
    ("3D-CNN", _published.CONV3D),
    ("G-RNN", _published.ACTIONS[0]),
    ("FERNN-V2", _published.ACTIONS[2]),
]
QUANTITY = "test accuracy, velocities of training"


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """The accuracy of every model at the velocities of training."""
    yield from from_table(tabulate(cubes), "accuracy", QUANTITY, MORE_IS_BETTER)
