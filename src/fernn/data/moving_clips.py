"""Clips of people seen by a moving camera: Moving KTH, section 5.2 of the paper.

A split is a recipe: which clip, from which frame on, mirrored or not, and how fast the
camera moves. The same integers give the same frames, in any order.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from jaxtyping import Float, Int

from fernn.data._annotations import Device, Tensor
from fernn.data._clip_draws import grid, integers, long_enough, sampled
from fernn.data._draws import Rows
from fernn.data._videos import Videos, pairs
from labrun.errors import UserError, nearest

TASK = "classify"
FLOWS = ("translation", "pan")
BOUNDARIES = ("circular", "zero")
DRAWS = ("sampled", "grid")
KEPT = ("label", "person", "scenario")  # what a recipe tells of its clips


def synthesize(
    atlas: xr.Dataset,
    *,
    split: str,
    pool: str,
    draw: str,
    seed: int,
    sequences: int,
    frames: int,
    frame_size: int,
    max_speed: int,
    flow: str = "translation",
    grid_speed: int = 0,
    flows: list[list[int]] | None = None,
    stride: int = 1,
    mirror: bool = True,
    boundary: str = "circular",
) -> xr.Dataset:
    """The recipe of a split.

    Clips are taken in turn, in an order drawn anew for each turn, so that more
    sequences than clips show each clip from several frames on.

    Args:
        atlas: clips; see `fernn.data.sources`.
        split: the recipe's name; with the seed it decides what is drawn.
        pool: the atlas's clips: train, val or test.
        draw: how the camera moves: sampled, uniformly at random, or grid, every
            velocity with the same clips from the same frames on.
        seed: of the data.
        sequences: how many; for a grid of each velocity.
        frames: how many the sequences have; shorter clips are left out.
        frame_size: height and width of the frame, pixels; that of the atlas.
        max_speed: of the camera along each axis of its flow, pixels per frame.
        flow: translation, or pan: along the columns alone.
        grid_speed: of a grid: a square of velocities, or a line of them for pan.
        flows: a list of the grid's velocities, in place of `grid_speed`.
        stride: frames of the clip from one of the sequence to the next.
        mirror: in the split ``train``, half of the clips are seen in a mirror.
        boundary: circular, or zero: what comes into view is black.

    Returns:
        Integers ``clip_index``, ``start``, ``mirrored`` and ``velocity_*`` (sample).

    Raises:
        UserError: no clip of the pool is long enough, or a name is unknown.
    """
    for what, name, known in (
        ("flow", flow, FLOWS),
        ("draw", draw, DRAWS),
        ("boundary", boundary, BOUNDARIES),
    ):
        if name not in known:
            raise UserError(f"moving_clips: no {what} {name!r}; {nearest(name, known)}")
    if atlas.image.shape[1:] != (frame_size, frame_size):
        rows, columns = atlas.image.shape[1:]
        raise UserError(
            f"clips of {rows}×{columns} pixels are no frames of"
            f" {frame_size}×{frame_size} (frame_size)"
        )
    spec: dict[str, Any] = {
        "kind": "moving_clips",
        "split": split,
        "pool": pool,
        "draw": draw,
        "seed": seed,
        "sequences": sequences,
        "frames": frames,
        "frame_size": frame_size,
        "max_speed": max_speed,
        "flow": flow,
        "grid_speed": grid_speed,
        "stride": stride,
        "mirror": int(mirror and split == "train"),
        "boundary": boundary,
    }
    clips = long_enough(spec, atlas)
    recipe = sampled(spec, clips) if draw == "sampled" else grid(spec, clips, flows)
    told = {name: atlas[name][recipe.clip_index.values].variable for name in KEPT}
    for name, column in told.items():
        recipe = recipe.assign_coords({name: ("sample", column.values, column.attrs)})
    about = {name: atlas.attrs.get(name, "") for name in ("source", "classes")}
    return recipe.assign_attrs(spec, **about)


class Sequences(Videos):
    """Videos and their classes, made from a recipe; args are those of `Videos`."""

    def __init__(self, recipe: xr.Dataset, atlas: xr.Dataset, device: Device = "cpu"):
        super().__init__(recipe, atlas, device)
        self._pool = long_enough(recipe.attrs, atlas)
        self._first = atlas["first"].values.astype(np.int64)
        self._labels = atlas.label.values.astype(np.int64)

    def video(
        self, first: int, count: int, frames: int, epoch: int = 0
    ) -> Float[Tensor, "sample frame 1 height width"]:
        """Frames of the samples ``first … first + count`` of an epoch; see `rows`."""
        import torch

        from fernn.data._pan import carry

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
        return integers(self.recipe.attrs, self._pool, epoch, first, count)
