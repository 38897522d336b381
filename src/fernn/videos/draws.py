"""How recipes are drawn: as in training, on a grid of velocities, under flows.

A kind of data gives the `Numbers` that it draws; the three draws are the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import xarray as xr

from labrun.errors import UserError, nearest, require_known
from labrun.random_words import words

Rows = dict[str, np.ndarray]  # columns of a recipe by name, samples first
Velocity = tuple[int, ...]
COMPONENTS = ("rows", "columns")
Redraw = Literal["epoch", "never"]  # when the sequences of a split are drawn anew
MOVING = {  # columns of digits with a velocity each: units and meaning
    "digit_index": ("", "atlas row"),
    "offset_rows": ("pixel", "offset along rows"),
    "offset_columns": ("pixel", "offset along columns"),
    "velocity_rows": ("pixel/frame", "velocity along rows"),
    "velocity_columns": ("pixel/frame", "velocity along columns"),
}
Shared = Literal["all", "first"]  # the digits that have a grid's velocity


@dataclass(frozen=True)
class Numbers:
    """What a kind of data draws.

    Attributes:
        columns: units and meaning of each column of the recipe, by its name.
        rows: ``(spec, pool, epoch, first, count)`` to the integers of the samples
            ``first … first + count`` of an epoch, a pure function of all of them.
        velocities: of a grid or of flows, from the specification.
        components: of a velocity.
        dims: of a column; the first is the sample.
        dtype: of the recipe's columns, if it is not given by name.
        dtypes: of others, by name.
    """

    columns: Mapping[str, tuple[str, str]]
    rows: Callable[[Mapping[str, Any], np.ndarray, int, int, int], Rows]
    velocities: Callable[[Mapping[str, Any]], Sequence[Velocity]]
    components: tuple[str, ...] = COMPONENTS
    dims: tuple[str, ...] = ("sample", "digit")
    dtype: type = np.int32
    dtypes: Mapping[str, type] | None = None

    def table(self, rows: Rows) -> xr.Dataset:
        """The recipe of these rows, with units and meanings."""
        kinds = dict.fromkeys(self.columns, self.dtype) | dict(self.dtypes or {})
        return tabulated(self.columns, rows, self.dims, kinds)


def tabulated(
    columns: Mapping[str, tuple[str, str]],
    rows: Rows,
    dims: Sequence[str],
    dtypes: Mapping[str, type],
) -> xr.Dataset:
    """Columns of a recipe, with units and meanings.

    Args:
        columns: units and meaning of each, by its name.
        rows: the numbers.
        dims: of a column; the first is the sample.
        dtypes: by name.
    """
    table: dict[str, Any] = {}
    for name, (units, meaning) in columns.items():
        attrs = {"units": units} if units else {}
        values = rows[name].astype(dtypes[name])
        table[name] = (dims, values, {**attrs, "long_name": meaning})
    samples = len(next(iter(rows.values())))
    return xr.Dataset(table, coords={"sample": np.arange(samples)})


def draw_recipe(
    how: str, numbers: Numbers, spec: Mapping[str, Any], pool: np.ndarray
) -> xr.Dataset:
    """The recipe of a split.

    Args:
        how: ``sampled``, as in training; ``grid``, every velocity with the same
            digits; ``flowed``, every sequence as drawn, then under each flow.
        numbers: what the kind of data draws.
        spec: its specification, with ``flows`` or ``grid_speed``, and if only the
            first digit has a grid's velocity, ``grid_digits``.
        pool: what the split may show.

    Raises:
        UserError: no draw of this name, or no such ``grid_digits``.
    """
    if how not in DRAWS:
        raise UserError(f"no draw {how!r}; {nearest(how, DRAWS)}")
    return DRAWS[how](numbers, spec, pool)


def _sampled(numbers: Numbers, spec: Mapping[str, Any], pool: np.ndarray) -> xr.Dataset:
    """Each sequence with its own velocities."""
    return numbers.table(numbers.rows(spec, pool, 0, 0, spec["sequences"]))


def _grid(numbers: Numbers, spec: Mapping[str, Any], pool: np.ndarray) -> xr.Dataset:
    """Every velocity with the same digits: of all of them, or of the first alone.

    The velocities of the others are then those of a sampled sequence. If all digits
    move as one, so does the frame, and the shift between two frames tells the rest.
    """
    require_known("grid_digits", shared := spec.get("grid_digits", "all"), SHARED)
    still = _sampled(numbers, {**spec, "max_speed": 0}, pool)
    made = moved(still, numbers.velocities(spec), numbers.components)
    if shared == "first":
        drawn = _sampled(numbers, spec, pool)
        copies = made.sizes["sample"] // max(1, drawn.sizes["sample"])
        for name in (f"velocity_{part}" for part in numbers.components):
            others = np.tile(drawn[name].values[:, 1:], (copies, 1))
            made[name].values[:, 1:] = others
    return made


def _flowed(numbers: Numbers, spec: Mapping[str, Any], pool: np.ndarray) -> xr.Dataset:
    """Every sequence as drawn, then under each flow; unflowed copies come first.

    A flow adds its velocity to that of every digit.
    """
    moving = [flow for flow in numbers.velocities(spec) if any(flow)]
    unflowed = (0,) * len(numbers.components)
    drawn = _sampled(numbers, spec, pool)
    return moved(drawn, [unflowed, *moving], numbers.components)


def moved(
    base: xr.Dataset, flows: Sequence[Velocity], components: Sequence[str] = COMPONENTS
) -> xr.Dataset:
    """The recipe once under every flow, which adds to the velocity of every digit."""
    copies = []
    for flow in flows:
        copy = base.copy()
        for name, speed in zip(components, flow, strict=True):
            copy[f"velocity_{name}"] = base[f"velocity_{name}"] + speed
            copy[f"flow_{name}"] = ("sample", np.full(base.sizes["sample"], speed))
        copies.append(copy)
    joined = xr.concat(copies, "sample", combine_attrs="override")
    return joined.assign_coords(sample=np.arange(joined.sizes["sample"]))


def per_digit(
    spec: Mapping[str, Any], epoch: int, first: int, count: int, numbers: int
) -> np.ndarray:
    """So many random 32-bit words of every digit of samples ``first … first + count``.

    Returns:
        Words of shape ``numbers × sample × digit``.
    """
    digits = spec["digits"]
    drawn = words(spec["seed"], spec["split"], epoch, first, count, numbers * digits)
    return np.moveaxis(drawn.reshape(count, digits, numbers), -1, 0)


def given(spec: Mapping[str, Any]) -> list[Velocity]:
    """The velocities that a specification lists as ``flows``; none without."""
    return [tuple(flow) for flow in spec.get("flows") or []]


SHARED = get_args(Shared)
DRAWS = {"sampled": _sampled, "grid": _grid, "flowed": _flowed}
