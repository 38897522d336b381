"""Digits that flow over a torus: translating MNIST and its relatives, section 5.1.

A split is a recipe: which digits, from where, how fast. Frames are rendered from it
on the device that trains. A recipe is redrawn for any epoch from its own attributes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

import numpy as np
import xarray as xr
from jaxtyping import Float, UInt8

from fernn.data import Split, specified
from fernn.velocities import square
from fernn.videos.base import DigitVideos, Tensor, pairs, pool_of, require_fit
from fernn.videos.draws import (
    MOVING,
    Numbers,
    Redraw,
    Rows,
    Shared,
    draw_recipe,
    given,
    per_digit,
)
from labrun.errors import UserError
from labrun.random_words import below


def synthesize(
    atlas: xr.Dataset,
    *,
    digits: int,
    max_speed: int,
    flow: str = "translation",
    grid_speed: int = 0,
    flows: list[list[int]] | None = None,
    grid_digits: Shared = "all",
    redraw: Redraw = "epoch",
    **split: Unpack[Split],
) -> xr.Dataset:
    """The recipe of a split.

    Args:
        atlas: images of the digits; see `fernn.data.sources`.
        digits: in a sequence.
        max_speed: of the digits along each axis, pixels per frame.
        flow: translation.
        grid_speed: of a grid or of the flows: a square of velocities.
        flows: a list of velocities, in place of `grid_speed`.
        grid_digits: of a grid: whether all digits have its velocity, or the first,
            beside others that move as in training.
        redraw: whether later epochs draw other sequences, or never; see `Videos`.
        split: see `fernn.data.Split`.

    Returns:
        Integers ``digit_index``, ``offset_*`` and ``velocity_*`` (sample × digit).

    Raises:
        UserError: the digits do not fit the frame, the pool is empty, or a name is
            unknown.
    """
    if flow != "translation":
        raise UserError(f"flowing_digits flows by translation, got {flow!r}")
    require_fit(atlas, split["frame_size"])
    spec = specified(
        "flowing_digits",
        split,
        digits=digits,
        max_speed=max_speed,
        grid_speed=grid_speed,
        grid_digits=grid_digits,
        redraw=redraw,
    )
    digits_of_split = pool_of(spec, atlas)
    numbers = {**spec, "flows": flows}
    recipe = draw_recipe(spec["draw"], NUMBERS, numbers, digits_of_split)
    return recipe.assign_attrs(spec, source=atlas.attrs.get("source", ""))


def _drawn(
    spec: Mapping[str, Any], pool: np.ndarray, epoch: int, first: int, count: int
) -> Rows:
    """Every digit with its own velocity, uniform in the square of the data's speeds."""
    speed, size = spec["max_speed"], spec["frame_size"]
    which, row, column, down, across = per_digit(spec, epoch, first, count, 5)
    return {
        "digit_index": pool[below(which, len(pool))],
        "offset_rows": below(row, size),
        "offset_columns": below(column, size),
        "velocity_rows": below(down, 2 * speed + 1) - speed,
        "velocity_columns": below(across, 2 * speed + 1) - speed,
    }


NUMBERS = Numbers(
    MOVING,
    _drawn,
    lambda spec: given(spec) or square(spec["grid_speed"]),
    dtype=np.int16,
    dtypes={"digit_index": np.int32},
)


class Sequences(DigitVideos):
    """Videos rendered from a recipe, see `fernn.videos.base.DigitVideos`."""

    def redrawn(self, epoch: int, first: int, count: int) -> Rows:
        """The columns of samples in a later epoch."""
        return _drawn(self.recipe.attrs, self._pool, epoch, first, count)

    def render(
        self,
        digits: UInt8[Tensor, "sample digit tall wide"],
        rows: Rows,
        start: int,
        frames: int,
    ) -> Float[Tensor, "sample frame 1 height width"]:
        """Frames from `start` on, of rows of a recipe, whose digits are these."""
        from fernn.videos.rendering import translate

        offset = self.tensor(pairs(rows, "offset"))
        velocity = self.tensor(pairs(rows, "velocity"))
        sizes = frames, self.size, self._scale
        return translate(digits, offset, velocity, *sizes, start)
