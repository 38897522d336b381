"""Clips of people seen by a moving camera: Moving KTH, section 5.2 of the paper.

A split is a recipe: which clip, from which frame on, mirrored or not, and how fast the
camera moves. The same integers give the same frames, in any order.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack, get_args

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from fernn.data import Split, specified
from fernn.velocities import square
from fernn.videos.base import Device, Tensor, Videos, pairs
from fernn.videos.draws import Numbers, Redraw, Rows, Velocity, draw_recipe, given
from labrun.errors import UserError, nearest
from labrun.random_words import below, words

TASK = "classify"
FLOWS = ("translation", "pan")
BOUNDARIES = ("circular", "zero")
DRAWS = ("sampled", "grid")
KEPT = ("label", "person", "scenario")  # what a recipe tells of its clips


def synthesize(
    atlas: xr.Dataset,
    *,
    max_speed: int,
    flow: str = "translation",
    grid_speed: int = 0,
    flows: list[list[int]] | None = None,
    stride: int = 1,
    mirror: bool = True,
    boundary: str = "circular",
    redraw: Redraw = "epoch",
    **split: Unpack[Split],
) -> xr.Dataset:
    """The recipe of a split.

    Clips are taken in turn, in an order drawn anew for each turn, so that more
    sequences than clips show each clip from several frames on.

    Args:
        atlas: clips; see `fernn.data.sources`.
        max_speed: of the camera along each axis of its flow, pixels per frame.
        flow: translation, or pan: along the columns alone.
        grid_speed: of a grid: a square of velocities, or a line of them for pan.
        flows: a list of the grid's velocities, in place of `grid_speed`.
        stride: frames of the clip from one of the sequence to the next.
        mirror: in the split ``train``, half of the clips are seen in a mirror, and the
            motion of their camera with them.
        boundary: circular, or zero: what comes into view is black.
        redraw: when the camera's velocity of a clip is drawn: anew every ``epoch``, or
            ``never`` again after epoch 0, as published. From which frame on a clip is
            seen, and whether in a mirror, is drawn every epoch.
        split: see `fernn.data.Split`. The camera is drawn: sampled, or grid,
            every velocity with the same clips from the same frames on. Clips shorter
            than so many frames are left out; `frame_size` is that of the atlas.

    Returns:
        Integers ``clip_index``, ``start``, ``mirrored`` and ``velocity_*`` (sample).

    Raises:
        UserError: no clip of the pool is long enough, or a name is unknown.
    """
    for what, name, known in (
        ("flow", flow, FLOWS),
        ("draw", split["draw"], DRAWS),
        ("boundary", boundary, BOUNDARIES),
        ("redraw", redraw, get_args(Redraw)),
    ):
        if name not in known:
            raise UserError(f"moving_clips: no {what} {name!r}; {nearest(name, known)}")
    frame_size = split["frame_size"]
    if atlas.image.shape[1:] != (frame_size, frame_size):
        rows, columns = atlas.image.shape[1:]
        raise UserError(
            f"clips of {rows}×{columns} pixels are no frames of"
            f" {frame_size}×{frame_size} (frame_size)"
        )
    spec = specified(
        "moving_clips",
        split,
        max_speed=max_speed,
        flow=flow,
        grid_speed=grid_speed,
        stride=stride,
        mirror=int(mirror and split["split"] == "train"),
        boundary=boundary,
        camera=redraw,  # of the camera alone; the rest is redrawn in any case
    )
    clips = _long_enough(spec, atlas)
    recipe = draw_recipe(spec["draw"], NUMBERS, {**spec, "flows": flows}, clips)
    recipe = recipe.drop_vars(["flow_rows", "flow_columns"], errors="ignore")
    told = {name: atlas[name][recipe.clip_index.values].variable for name in KEPT}
    for name, column in told.items():
        recipe = recipe.assign_coords({name: ("sample", column.values, column.attrs)})
    about = {name: atlas.attrs.get(name, "") for name in ("source", "classes")}
    return recipe.assign_attrs(spec, **about)


def _long_enough(spec: Mapping[str, Any], atlas: xr.Dataset) -> np.ndarray:
    """(clip, number of its start frames) of the clips that a split may show.

    Raises:
        UserError: there is none.
    """
    span = (spec["frames"] - 1) * spec["stride"] + 1
    starts = atlas["length"].values.astype(np.int64) - span + 1
    chosen = np.flatnonzero((atlas.split.values == spec["pool"]) & (starts > 0))
    if not len(chosen):
        raise UserError(f"the atlas has no clips of {span} frames for {spec['pool']!r}")
    return np.stack([chosen, starts[chosen]], axis=-1)


def _drawn(
    spec: Mapping[str, Any], pool: np.ndarray, epoch: int, first: int, count: int
) -> Rows:
    """The integers of samples ``first … first + count`` of an epoch."""
    where = spec["seed"], spec["split"], epoch
    turns, places = np.divmod(np.arange(first, first + count), len(pool))
    shown = np.empty(count, np.int64)
    drawn = words(*where, first, count, 4)
    moved = drawn[:, 2:].copy()
    for turn in np.unique(turns).tolist():
        there = turns == turn
        shown[there] = _order(where, turn, len(pool))[places[there]]
        if epoch and spec["camera"] == "never":
            moved[there] = _first_moved((*where[:2], 0), turn, len(pool))[shown[there]]
    which, starts = pool[shown].T
    speed, speeds = spec["max_speed"], 2 * spec["max_speed"] + 1
    rows, columns = (below(axis, speeds) - speed for axis in moved.T)
    mirrored = below(drawn[:, 1], 2) * spec["mirror"]
    return {
        "clip_index": which,
        "start": below(drawn[:, 0], starts),
        "mirrored": mirrored,
        "velocity_rows": rows * (spec["flow"] != "pan"),
        "velocity_columns": columns * (1 - 2 * mirrored),
    }


def _order(where: tuple[int, str, int], turn: int, clips: int) -> np.ndarray:
    """The pool's rows as a turn shows them: all, in disorder."""
    seed, split, epoch = where
    key = words(seed, f"{split}/order {turn}", epoch, 0, clips, 1)[:, 0]
    return np.argsort(key, kind="stable")


def _first_moved(where: tuple[int, str, int], turn: int, clips: int) -> np.ndarray:
    """The words of the velocity that each row of the pool has in a turn of epoch 0."""
    moved = np.empty((clips, 2), np.uint64)
    moved[_order(where, turn, clips)] = words(*where, turn * clips, clips, 4)[:, 2:]
    return moved


def _velocities(spec: Mapping[str, Any]) -> list[Velocity]:
    grid = square(spec["grid_speed"])
    return given(spec) or [v for v in grid if spec["flow"] != "pan" or not v[0]]


NUMBERS = Numbers(
    {
        "clip_index": ("1", "atlas clip"),
        "start": ("frame", "first frame of the clip that is shown"),
        "mirrored": ("1", "whether it is seen in a mirror"),
        "velocity_rows": ("pixel/frame", "velocity of the camera along rows"),
        "velocity_columns": ("pixel/frame", "velocity of the camera along columns"),
    },
    _drawn,
    _velocities,
    dims=("sample",),
)


class Sequences(Videos):
    """Videos and their classes, made from a recipe; args are those of `Videos`."""

    def __init__(self, recipe: xr.Dataset, atlas: xr.Dataset, device: Device = "cpu"):
        super().__init__(recipe, atlas, device)
        self._pool = _long_enough(recipe.attrs, atlas)
        self._first = atlas["first"].values.astype(np.int64)
        self._labels = atlas.label.values.astype(np.int64)

    def video(
        self, first: int, count: int, frames: int, epoch: int = 0
    ) -> Float[Tensor, "sample frame 1 height width"]:
        """Frames of the samples ``first … first + count`` of an epoch; see `rows`."""
        import torch

        from fernn.videos.rendering import carry

        rows, attrs = self.rows(epoch, first, count), self.recipe.attrs
        begin = self._first[rows["clip_index"]] + rows["start"]
        steps = np.arange(frames) * int(attrs["stride"])
        place = self.tensor(begin[:, None] + steps)
        mirrored = self.tensor(rows["mirrored"] == 1)
        seen = self._images[place].float() / self._scale
        seen = torch.where(mirrored[:, None, None, None], seen.flip(-1), seen)
        velocity = self.tensor(pairs(rows, "velocity"))
        return carry(seen, velocity, attrs["boundary"] == "zero")[:, :, None]

    def labels(self, first: int, count: int, epoch: int = 0) -> Int[Tensor, " sample"]:
        """The class of each of these samples, a place in the atlas's ``classes``."""
        return self.tensor(self._labels[self.rows(epoch, first, count)["clip_index"]])

    def redrawn(self, epoch: int, first: int, count: int) -> Rows:
        """The columns of samples in a later epoch."""
        return _drawn(self.recipe.attrs, self._pool, epoch, first, count)
