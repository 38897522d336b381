"""Digits that flow over a torus: translating MNIST and its relatives, section 5.1.

A split is a recipe: which digits, from where, how fast. Frames are rendered from it
on the device that trains. A recipe is redrawn for any epoch from its own attributes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float, UInt8
from torch import Tensor

from fernn.data._draws import AXES, DRAWS, sampled
from fernn.data._translate import translate
from fernn.errors import UserError, nearest


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
    digits: int,
    max_speed: int,
    flow: str = "translation",
    grid_speed: int = 0,
    flows: list[list[int]] | None = None,
) -> xr.Dataset:
    """The recipe of a split.

    Args:
        atlas: images of the digits; see `fernn.data.sources`.
        split: the recipe's name; with the seed it decides what is drawn.
        pool: the atlas's digits: train, val or test.
        draw: how velocities are chosen: sampled, grid or flowed.
        seed: of the data.
        sequences: how many; for a grid of each velocity, for flowed under each flow.
        frames: how many the sequences have.
        frame_size: height and width of the frame, pixels.
        digits: in a sequence.
        max_speed: of the digits along each axis, pixels per frame.
        flow: translation.
        grid_speed: of a grid or of the flows: a square of velocities.
        flows: a list of velocities, in place of `grid_speed`.

    Returns:
        Integers ``digit_index``, ``offset_*`` and ``velocity_*`` (sample × digit).

    Raises:
        UserError: the digits do not fit the frame, the pool is empty, or a name is
            unknown.
    """
    if flow != "translation":
        raise UserError(f"flowing_digits flows by translation, got {flow!r}")
    if draw not in DRAWS:
        raise UserError(f"no draw {draw!r}; {nearest(draw, DRAWS)}")
    if max(atlas.image.shape[1:]) > frame_size:
        raise UserError(
            f"digits of {atlas.image.shape[1]}×{atlas.image.shape[2]} pixels do not fit"
            f" a frame of {frame_size}×{frame_size} (frame_size)"
        )
    spec = {
        "kind": "flowing_digits",
        "split": split,
        "pool": pool,
        "draw": draw,
        "seed": seed,
        "sequences": sequences,
        "frames": frames,
        "frame_size": frame_size,
        "digits": digits,
        "max_speed": max_speed,
        "grid_speed": grid_speed,
    }
    recipe = DRAWS[draw]({**spec, "flows": flows}, pool_of(spec, atlas))
    return recipe.assign_attrs(spec, source=atlas.attrs.get("source", ""))


class Sequences:
    """Videos rendered from a recipe.

    Args:
        recipe: from `synthesize`.
        atlas: the same one.
        device: where the frames are made.
    """

    def __init__(
        self, recipe: xr.Dataset, atlas: xr.Dataset, device: torch.device | str = "cpu"
    ):
        self.recipe = recipe
        self.size = int(recipe.attrs["frame_size"])
        self._pool = pool_of(recipe.attrs, atlas)
        self._images = torch.as_tensor(atlas.image.values, device=device)
        self._scale = float(atlas.image.attrs["scale"])

    def __len__(self) -> int:
        return self.recipe.sizes["sample"]

    def video(
        self, first: int, count: int, frames: int, epoch: int = 0
    ) -> Float[Tensor, "sample frame 1 height width"]:
        """Frames 0 … `frames` - 1 of the samples ``first … first + count`` of an epoch.

        Epoch 0 is the recipe's own table; later ones are drawn as it was.
        """
        recipe = self.recipe.isel(sample=slice(first, first + count))
        if epoch:
            recipe = self.redrawn(epoch, first, recipe.sizes["sample"])
        device = self._images.device
        digit = torch.as_tensor(recipe.digit_index.values.astype(np.int64)).to(device)
        return self.render(self._images[digit], recipe, frames)

    def redrawn(self, epoch: int, first: int, count: int) -> xr.Dataset:
        """The recipe's rows in a later epoch."""
        return sampled(self.recipe.attrs, self._pool, epoch, first, count)

    def render(
        self,
        digits: UInt8[Tensor, "sample digit tall wide"],
        recipe: xr.Dataset,
        frames: int,
    ) -> Float[Tensor, "sample frame 1 height width"]:
        """The frames of rows of a recipe, whose digits are these."""
        offset = pairs(recipe, "offset").to(digits.device)
        velocity = pairs(recipe, "velocity").to(digits.device)
        return translate(digits, offset, velocity, frames, self.size, self._scale)


def pool_of(spec: dict[str, Any], atlas: xr.Dataset) -> np.ndarray:
    """The rows of the atlas that a split may show."""
    pool = np.flatnonzero(atlas.split.values == spec["pool"])
    if not len(pool):
        raise UserError(f"the atlas has no digits for {spec['pool']!r}")
    return pool


def pairs(recipe: xr.Dataset, name: str) -> Tensor:
    """A quantity's rows and columns, along a last dimension of two."""
    pair = [recipe[f"{name}_{axis}"].values.astype(np.int64) for axis in AXES]
    return torch.as_tensor(np.stack(pair, axis=-1))
