"""Digits that turn about the centre of the frame: rotating MNIST, section 5.1.

A split is a recipe: which digits, at which angle, how fast. Frames are sampled from it
on the device that trains. A recipe is redrawn for any epoch from its own attributes.
Angular velocities are whole multiples of a step.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

import numpy as np
import xarray as xr
from jaxtyping import Float, UInt8

from fernn.data import Split, specified
from fernn.videos.base import DigitVideos, Tensor, pairs, pool_of
from fernn.videos.draws import (
    Numbers,
    Redraw,
    Rows,
    Shared,
    Velocity,
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
    step: int,
    flow: str = "rotation",
    max_offset: int = 0,
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
        max_speed: of the digits, both ways, in steps.
        step: between the angular velocities, degrees per frame.
        flow: rotation.
        max_offset: of a digit's centre from the frame's along each axis, pixels.
        grid_speed: the fastest of a grid or of the flows, in steps.
        flows: a list of velocities in steps, ``[[1]]``, in place of `grid_speed`.
        grid_digits: of a grid: whether all digits have its velocity, or the first,
            beside others that move as in training.
        redraw: whether later epochs draw other sequences, or never; see `Videos`.
        split: see `fernn.data.Split`.

    Returns:
        Integers ``digit_index``, ``angle``, ``offset_*`` and ``velocity_degrees``
        (sample × digit).

    Raises:
        UserError: the digits do not fit the frame, the pool is empty, a number is out
            of range, or a name is unknown.
    """
    if flow != "rotation":
        raise UserError(f"rotating_digits flows by rotation, got {flow!r}")
    frame_size = split["frame_size"]
    if max(atlas.image.shape[1:]) + 2 * max_offset > frame_size:
        raise UserError(
            f"digits of {atlas.image.shape[1]}×{atlas.image.shape[2]} pixels, up to"
            f" {max_offset} off the centre, do not fit a frame of"
            f" {frame_size}×{frame_size} (frame_size)"
        )
    if step < 1 or min(max_speed, max_offset, grid_speed) < 0:
        raise UserError(
            "step must be positive and max_speed, max_offset and grid_speed not"
            f" negative, got {step}, {max_speed}, {max_offset} and {grid_speed}"
        )
    spec = specified(
        "rotating_digits",
        split,
        digits=digits,
        max_speed=max_speed,
        step=step,
        max_offset=max_offset,
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
    """Every digit with its own angle, and a velocity uniform among the data's."""
    speed, reach = spec["max_speed"], spec["max_offset"]
    which, angle, turn, down, across = per_digit(spec, epoch, first, count, 5)
    return {
        "digit_index": pool[below(which, len(pool))],
        "angle": below(angle, 360),
        "offset_rows": below(down, 2 * reach + 1) - reach,
        "offset_columns": below(across, 2 * reach + 1) - reach,
        "velocity_degrees": spec["step"] * (below(turn, 2 * speed + 1) - speed),
    }


def _multiples(spec: Mapping[str, Any]) -> list[Velocity]:
    fastest = spec["grid_speed"]
    steps = given(spec) or [(count,) for count in range(-fastest, fastest + 1)]
    return [(spec["step"] * count,) for (count,) in steps]


NUMBERS = Numbers(
    {
        "digit_index": ("1", "atlas row"),
        "angle": ("degree", "angle at frame 0"),
        "offset_rows": ("pixel", "offset along rows"),
        "offset_columns": ("pixel", "along columns"),
        "velocity_degrees": ("degree/frame", "angular velocity, counter-clockwise"),
    },
    _drawn,
    _multiples,
    components=("degrees",),
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
        from fernn.videos.rendering import turn

        angle = self.tensor(rows["angle"])
        velocity = self.tensor(rows["velocity_degrees"])
        offset = self.tensor(pairs(rows, "offset"))
        sizes = frames, self.size, self._scale
        return turn(digits, angle, velocity, offset, *sizes, start)
