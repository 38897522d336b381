"""Videos rendered from a recipe, on the device that trains: what all kinds share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import xarray as xr
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from fernn.data._draws import AXES
from fernn.errors import UserError


class Videos:
    """A recipe, and the atlas it points into on a device.

    Args:
        recipe: from a module's `synthesize`.
        atlas: the same one.
        device: where the frames are made.
    """

    def __init__(
        self, recipe: xr.Dataset, atlas: xr.Dataset, device: torch.device | str = "cpu"
    ):
        self.recipe = recipe
        self.size = int(recipe.attrs["frame_size"])
        self._images = torch.as_tensor(atlas.image.values, device=device)
        self._scale = float(atlas.image.attrs["scale"])

    def __len__(self) -> int:
        return self.recipe.sizes["sample"]


class DigitVideos(Videos, ABC):
    """Videos of digits; a kind says how they are drawn and how they move.

    Args are those of `Videos`.
    """

    def __init__(
        self, recipe: xr.Dataset, atlas: xr.Dataset, device: torch.device | str = "cpu"
    ):
        super().__init__(recipe, atlas, device)
        self._pool = pool_of(recipe.attrs, atlas)

    def video(
        self, first: int, count: int, frames: int, epoch: int = 0
    ) -> Float[Tensor, "sample frame 1 height width"]:
        """Frames 0 … `frames` - 1 of the samples ``first … first + count`` of an epoch.

        Epoch 0 is the recipe's own table; later ones are drawn as it was.
        """
        recipe = self.recipe.isel(sample=slice(first, first + count))
        if epoch:
            recipe = self.redrawn(epoch, first, recipe.sizes["sample"])
        digit = column(recipe, "digit_index").to(self._images.device)
        return self.render(self._images[digit], recipe, frames)

    @abstractmethod
    def redrawn(self, epoch: int, first: int, count: int) -> xr.Dataset:
        """The recipe's rows in a later epoch."""

    @abstractmethod
    def render(
        self,
        digits: UInt8[Tensor, "sample digit tall wide"],
        recipe: xr.Dataset,
        frames: int,
    ) -> Float[Tensor, "sample frame 1 height width"]:
        """The frames of rows of a recipe, whose digits are these."""


def pool_of(spec: Mapping[str, Any], atlas: xr.Dataset) -> np.ndarray:
    """The rows of the atlas that a split may show.

    Raises:
        UserError: there is none.
    """
    pool = np.flatnonzero(atlas.split.values == spec["pool"])
    if not len(pool):
        raise UserError(f"the atlas has no digits for {spec['pool']!r}")
    return pool


def column(recipe: xr.Dataset, name: str) -> Int[Tensor, ...]:
    """A quantity of a recipe."""
    return torch.as_tensor(recipe[name].values.astype(np.int64))


def pairs(recipe: xr.Dataset, name: str) -> Int[Tensor, "... 2"]:
    """A quantity's rows and columns, along a last dimension."""
    return torch.stack([column(recipe, f"{name}_{axis}") for axis in AXES], dim=-1)
