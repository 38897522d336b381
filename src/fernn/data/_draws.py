"""Three ways to draw a recipe: as in training, on a grid of velocities, under flows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from fernn.velocities import Velocity, square
from labrun.random_words import below, words

Rows = dict[str, np.ndarray]  # columns of a recipe by name, samples first
AXES = ("rows", "columns")


def drawn(
    spec: dict[str, Any], pool: np.ndarray, epoch: int, first: int, count: int
) -> Rows:
    """Every digit with its own velocity, uniform in the square of the data's speeds."""
    digits, speed = spec["digits"], spec["max_speed"]
    numbers = words(spec["seed"], spec["split"], epoch, first, count, 5 * digits)
    which, row, column, down, across = numbers.reshape(count, digits, 5).transpose(
        2, 0, 1
    )
    return {
        "digit_index": pool[below(which, len(pool))],
        "offset_rows": below(row, spec["frame_size"]),
        "offset_columns": below(column, spec["frame_size"]),
        "velocity_rows": below(down, 2 * speed + 1) - speed,
        "velocity_columns": below(across, 2 * speed + 1) - speed,
    }


def _sampled(spec: dict[str, Any], pool: np.ndarray) -> xr.Dataset:
    """The recipe as drawn."""
    return _table(drawn(spec, pool, 0, 0, spec["sequences"]))


def _grid(spec: dict[str, Any], pool: np.ndarray) -> xr.Dataset:
    """Every velocity of a square with the same digits; both digits share it."""
    still = _sampled({**spec, "max_speed": 0}, pool)
    return moved(still, square(spec["grid_speed"]))


def _flowed(spec: dict[str, Any], pool: np.ndarray) -> xr.Dataset:
    """Every sequence as drawn, then once more under each flow.

    A flow adds its velocity to that of every digit. The unflowed copies come first.
    """
    flows = [tuple(flow) for flow in spec["flows"] or square(spec["grid_speed"])]
    moving = [flow for flow in flows if any(flow)]
    return moved(_sampled(spec, pool), [(0, 0), *moving])


def moved(
    base: xr.Dataset, flows: Sequence[Velocity], axes: Sequence[str] = AXES
) -> xr.Dataset:
    """The recipe once under every flow, which adds to the velocity of every digit."""
    copies = []
    for flow in flows:
        copy = base.copy()
        for axis, speed in zip(axes, flow, strict=True):
            copy[f"velocity_{axis}"] = base[f"velocity_{axis}"] + speed
            copy[f"flow_{axis}"] = ("sample", np.full(base.sizes["sample"], speed))
        copies.append(copy)
    joined = xr.concat(copies, "sample", combine_attrs="override")
    return joined.assign_coords(sample=np.arange(joined.sizes["sample"]))


def _table(rows: Rows) -> xr.Dataset:
    dims = ("sample", "digit")
    digit = rows["digit_index"].astype(np.int32)
    table: dict[str, Any] = {"digit_index": (dims, digit, {"long_name": "atlas row"})}
    for name, units in (("offset", "pixel"), ("velocity", "pixel/frame")):
        for axis in AXES:
            values = rows[f"{name}_{axis}"].astype(np.int16)
            attrs = {"units": units, "long_name": f"{name} along {axis}"}
            table[f"{name}_{axis}"] = (dims, values, attrs)
    return xr.Dataset(table, coords={"sample": np.arange(len(digit))})


DRAWS = {"sampled": _sampled, "grid": _grid, "flowed": _flowed}
