"""Three ways to draw a recipe: as in training, on a grid of velocities, under flows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr

from fernn.data._random import below, words
from fernn.flows import Velocity
from fernn.flows.translation import square

AXES = ("rows", "columns")


def sampled(
    spec: dict[str, Any],
    pool: np.ndarray,
    epoch: int = 0,
    first: int = 0,
    count: int = 0,
) -> xr.Dataset:
    """Every digit with its own velocity, uniform in the square of the data's speeds."""
    count = count or spec["sequences"]
    digits, speed = spec["digits"], spec["max_speed"]
    drawn = words(spec["seed"], spec["split"], epoch, first, count, 5 * digits)
    which, row, column, down, across = drawn.reshape(count, digits, 5).transpose(
        2, 0, 1
    )
    return _table(
        pool[below(which, len(pool))],
        [below(start, spec["frame_size"]) for start in (row, column)],
        [below(step, 2 * speed + 1) - speed for step in (down, across)],
    )


def _grid(spec: dict[str, Any], pool: np.ndarray) -> xr.Dataset:
    """Every velocity of a square with the same digits; both digits share it."""
    still = sampled({**spec, "max_speed": 0}, pool)
    return moved(still, square(spec["grid_speed"]))


def _flowed(spec: dict[str, Any], pool: np.ndarray) -> xr.Dataset:
    """Every sequence as drawn, then once more under each flow.

    A flow adds its velocity to that of every digit. The unflowed copies come first.
    """
    flows = [tuple(flow) for flow in spec["flows"] or square(spec["grid_speed"])]
    moving = [flow for flow in flows if any(flow)]
    return moved(sampled(spec, pool), [(0, 0), *moving])


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


def _table(
    digit: np.ndarray, offset: list[np.ndarray], velocity: list[np.ndarray]
) -> xr.Dataset:
    dims = ("sample", "digit")
    table: dict[str, Any] = {
        "digit_index": (dims, digit.astype(np.int32), {"long_name": "atlas row"})
    }
    for name, pair, units in (
        ("offset", offset, "pixel"),
        ("velocity", velocity, "pixel/frame"),
    ):
        for axis, values in zip(AXES, pair, strict=True):
            attrs = {"units": units, "long_name": f"{name} along {axis}"}
            table[f"{name}_{axis}"] = (dims, values.astype(np.int16), attrs)
    samples = np.arange(len(digit))
    return xr.Dataset(table, coords={"sample": samples})


DRAWS = {"sampled": sampled, "grid": _grid, "flowed": _flowed}
