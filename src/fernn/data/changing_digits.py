"""Digits whose velocity changes: they collide, bounce, accelerate or turn corners.

A split is a recipe: which digits, from where, how fast at first, and the few integers
that change their motion. `fernn.data.motions` makes paths of them. A sample is a pure
function of its seed, split, epoch and number.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Unpack

import numpy as np
import xarray as xr
from jaxtyping import Float, UInt8

from fernn.data import Split, motions, specified
from fernn.data.motions import Motion, Room
from fernn.videos.base import DigitVideos, Tensor, pairs, pool_of, require_fit
from fernn.videos.draws import COMPONENTS, Redraw, Rows
from labrun.errors import UserError, nearest
from labrun.modules import Kind
from labrun.random_words import below, words

FLOWS = ("translation", "pan")
DRAWS = ("sampled",)
FIRST_CHANGE = {
    "long_name": "first frame that first velocities do not lead to; frames: none",
    "units": "frame",
}
WIDTH = 5  # random numbers of a digit whose velocity does not change


def synthesize(
    atlas: xr.Dataset,
    *,
    digits: int,
    max_speed: int,
    motion: Annotated[dict, Kind("data/motions")],
    flow: str = "translation",
    redraw: Redraw = "epoch",
    **split: Unpack[Split],
) -> xr.Dataset:
    """The recipe of a split.

    Args:
        atlas: images of the digits; see `fernn.data.sources`.
        digits: in a sequence.
        max_speed: of the digits at first, along each axis, pixels per frame.
        motion: ``{"kind": ..., **options}``; see `fernn.data.motions`.
        flow: translation, or pan: along the columns alone.
        redraw: whether later epochs draw other sequences, or never; see `Videos`.
        split: see `fernn.data.Split`.

    Returns:
        Integers ``digit_index``, ``offset_*``, the first ``velocity_*`` (sample ×
        digit) and, if the motion has any, ``change_*`` (sample × digit × change);
        the coordinate ``first_change`` (sample) tells when velocities first do.

    Raises:
        UserError: the digits do not fit the frame or the motion, the pool is empty, or
            a name is unknown.
    """
    if flow not in FLOWS:
        raise UserError(f"changing_digits: no flow {flow!r}; {nearest(flow, FLOWS)}")
    if (draw := split["draw"]) not in DRAWS:
        raise UserError(f"changing_digits: no draw {draw!r}; {nearest(draw, DRAWS)}")
    require_fit(atlas, split["frame_size"])
    spec = specified(
        "changing_digits",
        split,
        image=[int(side) for side in atlas.image.shape[1:]],
        digits=digits,
        max_speed=max_speed,
        motion=json.dumps(motion, sort_keys=True),
        flow=flow,
        redraw=redraw,
    )
    path = motion_of(spec)
    rows = _drawn(spec, path, pool_of(spec, atlas), 0, 0, spec["sequences"])
    first = _first_change(path, rows, spec["frames"])
    recipe = _table(rows, path).assign_coords(
        first_change=("sample", first, FIRST_CHANGE)
    )
    return recipe.assign_attrs(spec, source=atlas.attrs.get("source", ""))


class Sequences(DigitVideos):
    """Videos rendered from a recipe, see `fernn.videos.base.DigitVideos`."""

    @property
    def _motion(self) -> Motion:
        """Of the recipe as it is: slower videos have another one."""
        return motion_of(self.recipe.attrs)

    def redrawn(self, epoch: int, first: int, count: int) -> Rows:
        """The columns of samples in a later epoch."""
        attrs, pool = self.recipe.attrs, self._pool
        return _drawn(attrs, self._motion, pool, epoch, first, count)

    def render(
        self,
        digits: UInt8[Tensor, "sample digit tall wide"],
        rows: Rows,
        start: int,
        frames: int,
    ) -> Float[Tensor, "sample frame 1 height width"]:
        """Frames from `start` on, of rows of a recipe, whose digits are these.

        Raises:
            UserError: more frames than the recipe tells of.
        """
        from fernn.videos.rendering import follow

        end, known = start + frames, self.recipe.attrs["frames"]
        if end > known:
            raise UserError(f"the recipe tells of {known} frames, not of {end}")
        path = self._motion.path(*_arrays(rows), end)[:, :, start:]
        return follow(digits, self.tensor(path), self.size, self._scale)


def motion_of(spec: dict[str, Any]) -> Motion:
    """The motion that a recipe's attributes tell of."""
    rows, columns = (int(side) for side in spec["image"])
    names = "frame_size", "digits", "max_speed", "frames"
    size, digits, speed, frames = (int(spec[name]) for name in names)
    room = Room(size, (rows, columns), digits, speed, frames)
    return motions.build(json.loads(spec["motion"]), room)


def _arrays(rows: Rows) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Offsets, first velocities and changes, if need be none, of a recipe's rows."""
    offset, velocity = pairs(rows, "offset"), pairs(rows, "velocity")
    if "change_rows" in rows:
        return offset, velocity, pairs(rows, "change")
    return offset, velocity, np.zeros((*offset.shape[:2], 0, 2), np.int64)


def _first_change(motion: Motion, rows: Rows, frames: int) -> np.ndarray:
    """The first frame of each sample in which a digit is not where it was heading."""
    offset, velocity, change = _arrays(rows)
    path = motion.path(offset, velocity, change, frames)
    times = np.arange(frames)[:, None]
    straight = (offset[:, :, None] + times * velocity[:, :, None]) // motion.parts
    off = (path != straight).any((1, 3))
    return np.where(off.any(1), off.argmax(1), frames).astype(np.int16)


def _drawn(
    spec: dict[str, Any],
    motion: Motion,
    pool: np.ndarray,
    epoch: int,
    first: int,
    count: int,
) -> Rows:
    """The integers of samples ``first … first + count`` of an epoch."""
    digits = int(spec["digits"])
    width = digits * (WIDTH + 2 * motion.changes)
    where = int(spec["seed"]), spec["split"], epoch
    numbers = words(*where, first, count, width).reshape(count, digits, -1)
    later = numbers[..., WIDTH:].reshape(count, digits, motion.changes, 2)
    velocity = motion.velocities(numbers[..., 3:WIDTH])
    change = motion.draw_changes(later)
    if spec["flow"] == "pan":
        velocity[..., 0] = change[..., 0] = 0
    rows = {"digit_index": pool[below(numbers[..., 0], len(pool))]}
    drawn = {"offset": motion.offsets(numbers[..., 1:3]), "velocity": velocity}
    if motion.changes:
        drawn["change"] = change
    for name, values in drawn.items():
        parts = np.moveaxis(values, -1, 0)
        rows |= {f"{name}_{axis}": p for axis, p in zip(COMPONENTS, parts, strict=True)}
    return rows


def _table(rows: Rows, motion: Motion) -> xr.Dataset:
    fine = f"/{motion.parts}" if motion.parts > 1 else ""
    about = {
        "offset": (f"pixel{fine}", "offset"),
        "velocity": (f"pixel{fine}/frame", "velocity at first"),
        "change": (f"pixel{fine}/frame", motion.meaning),
    }
    dims = ("sample", "digit", "change")
    digit = rows["digit_index"].astype(np.int32)
    table: dict[str, Any] = {
        "digit_index": (dims[:2], digit, {"long_name": "atlas row"})
    }
    for column in [name for name in rows if name != "digit_index"]:
        name, axis = column.split("_")
        units, meaning = about[name]
        attrs = {"units": units, "long_name": f"{meaning} along {axis}"}
        values = rows[column].astype(np.int16)
        table[column] = (dims[: values.ndim], values, attrs)
    return xr.Dataset(table, coords={"sample": np.arange(len(digit))})
