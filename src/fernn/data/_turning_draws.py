"""Three ways to draw a recipe of turning digits, as `fernn.data._draws` has."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from fernn.data._draws import Rows, moved
from labrun.random_words import below, words

AXES = ("degrees",)
DIMS = ("sample", "digit")
COLUMNS = {  # units and meaning
    "digit_index": ("1", "atlas row"),
    "angle": ("degree", "angle at frame 0"),
    "offset_rows": ("pixel", "offset along rows"),
    "offset_columns": ("pixel", "along columns"),
    "velocity_degrees": ("degree/frame", "angular velocity, counter-clockwise"),
}


def drawn(
    spec: dict[str, Any], pool: np.ndarray, epoch: int, first: int, count: int
) -> Rows:
    """Every digit with its own angle, and a velocity uniform among the data's."""
    digits, speed, reach = spec["digits"], spec["max_speed"], spec["max_offset"]
    numbers = words(spec["seed"], spec["split"], epoch, first, count, 5 * digits)
    which, angle, turn, down, across = numbers.reshape(count, digits, 5).transpose(
        2, 0, 1
    )
    wide = 2 * reach + 1
    return {
        "digit_index": pool[below(which, len(pool))],
        "angle": below(angle, 360),
        "offset_rows": below(down, wide) - reach,
        "offset_columns": below(across, wide) - reach,
        "velocity_degrees": spec["step"] * (below(turn, 2 * speed + 1) - speed),
    }


def _sampled(spec: dict[str, Any], pool: np.ndarray) -> xr.Dataset:
    """The recipe as drawn."""
    rows = drawn(spec, pool, 0, 0, spec["sequences"])
    table = {
        name: (DIMS, rows[name].astype(np.int32), {"units": units, "long_name": what})
        for name, (units, what) in COLUMNS.items()
    }
    return xr.Dataset(table, coords={"sample": np.arange(spec["sequences"])})


def _grid(spec: dict[str, Any], pool: np.ndarray) -> xr.Dataset:
    """Every velocity with the same digits; all digits share it."""
    still = _sampled({**spec, "max_speed": 0}, pool)
    return moved(still, _multiples(spec), AXES)


def _flowed(spec: dict[str, Any], pool: np.ndarray) -> xr.Dataset:
    """Every sequence as drawn, then once more under each flow."""
    given = [(spec["step"] * flow[0],) for flow in spec["flows"] or []]
    moving = [flow for flow in given or _multiples(spec) if any(flow)]
    return moved(_sampled(spec, pool), [(0,), *moving], AXES)


def _multiples(spec: dict[str, Any]) -> list[tuple[int, ...]]:
    fastest = spec["grid_speed"]
    return [(spec["step"] * count,) for count in range(-fastest, fastest + 1)]


DRAWS = {"sampled": _sampled, "grid": _grid, "flowed": _flowed}
