"""Videos rendered from a recipe, on the device that trains: what all kinds share."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from jaxtyping import Float, Int, UInt8

from fernn.videos.draws import COMPONENTS, Rows
from labrun.errors import UserError
from labrun.random_words import words

if TYPE_CHECKING:  # to draw a recipe takes no torch
    import torch
    from torch import Tensor

    Device = torch.device | str
else:
    Tensor = Device = Any  # shapes and types of elements are checked all the same


class Videos(ABC):
    """A recipe, and the atlas it points into on a device.

    Args:
        recipe: from a module's `synthesize`.
        atlas: the same one.
        device: where the frames are made.
    """

    def __init__(self, recipe: xr.Dataset, atlas: xr.Dataset, device: Device = "cpu"):
        import torch

        self.recipe = recipe
        self.size = int(recipe.attrs["frame_size"])
        self._images = torch.as_tensor(atlas.image.values, device=device)
        self._scale = float(atlas.image.attrs["scale"])
        columns = recipe.data_vars.items()
        self._rows = {str(k): v.values.astype(np.int64) for k, v in columns}
        self._ordered: tuple[int, np.ndarray] = 0, np.arange(len(self))

    def __len__(self) -> int:
        return self.recipe.sizes["sample"]

    def rows(self, epoch: int, first: int, count: int) -> Rows:
        """The columns of the samples ``first … first + count``, or to the last one.

        Epoch 0 is the recipe's own table; later ones are drawn as it was. With
        ``redraw: never`` they have the same samples in another order.
        """
        chosen: slice | np.ndarray = slice(first, first + count)
        if epoch and self.recipe.attrs.get("redraw") != "never":
            return self.redrawn(epoch, first, min(count, len(self) - first))
        if epoch:
            chosen = self._order(epoch)[chosen]
        return {name: all[chosen] for name, all in self._rows.items()}

    def _order(self, epoch: int) -> np.ndarray:
        """The samples in the order of an epoch."""
        if epoch != self._ordered[0]:
            about = self.recipe.attrs
            where = about["seed"], f"{about['split']}/order", epoch
            keys = words(*where, 0, len(self), 1)[:, 0]
            self._ordered = epoch, np.argsort(keys, kind="stable")
        return self._ordered[1]

    def with_speed(self, most: int) -> Videos:
        """The same draws with at most that speed: other velocities, nothing else.

        Raises:
            UserError: the recipe's own is smaller.
        """
        known = int(self.recipe.attrs["max_speed"])
        if not 0 <= most <= known:
            raise UserError(f"a speed must be from 0 to that of the data, {known}")
        made = copy.copy(self)
        made.recipe = self.recipe.assign_attrs(max_speed=most)
        made._rows = made.redrawn(0, 0, len(self))
        return made

    def tensor(self, values: np.ndarray) -> Tensor:
        """Numbers of `rows`, on the device."""
        import torch

        return torch.from_numpy(values).to(self._images.device)

    @abstractmethod
    def redrawn(self, epoch: int, first: int, count: int) -> Rows:
        """The columns of samples in a later epoch."""


class DigitVideos(Videos):
    """Videos of digits; a kind says how they are drawn and how they move.

    Args are those of `Videos`.
    """

    def __init__(self, recipe: xr.Dataset, atlas: xr.Dataset, device: Device = "cpu"):
        super().__init__(recipe, atlas, device)
        self._pool = pool_of(recipe.attrs, atlas)
        digit, known = self._rows["digit_index"], len(self._images)
        if digit.size and not 0 <= digit.min() <= digit.max() < known:
            raise UserError(
                f"the recipe points to digits {digit.min()} to {digit.max()}, and the"
                f" atlas has {known}: they do not belong together"
            )

    def video(
        self, first: int, count: int, frames: int, epoch: int = 0
    ) -> Float[Tensor, "sample frame 1 height width"]:
        """Frames 0 … `frames` - 1 of the samples ``first … first + count`` of an epoch.

        See `rows`.
        """
        return self.stretch(first, count, 0, frames, epoch)

    def stretch(
        self, first: int, count: int, start: int, frames: int, epoch: int = 0
    ) -> Float[Tensor, "sample frame 1 height width"]:
        """Frames `start` … ``start + frames - 1`` of a video; no others are made."""
        rows = self.rows(epoch, first, count)
        digit = self.tensor(rows["digit_index"])
        return self.render(self._images[digit], rows, start, frames)

    @abstractmethod
    def render(
        self,
        digits: UInt8[Tensor, "sample digit tall wide"],
        rows: Rows,
        start: int,
        frames: int,
    ) -> Float[Tensor, "sample frame 1 height width"]:
        """Frames from `start` on, of rows of a recipe, whose digits are these."""


def pool_of(spec: Mapping[str, Any], atlas: xr.Dataset) -> np.ndarray:
    """The rows of the atlas that a split may show.

    Raises:
        UserError: there is none.
    """
    pool = np.flatnonzero(atlas.split.values == spec["pool"])
    if not len(pool):
        raise UserError(f"the atlas has no digits for {spec['pool']!r}")
    return pool


def require_fit(atlas: xr.Dataset, frame_size: int) -> None:
    """Refuse digits that are larger than a frame.

    Raises:
        UserError: they are.
    """
    rows, columns = atlas.image.shape[1:]
    if max(rows, columns) > frame_size:
        raise UserError(
            f"digits of {rows}×{columns} pixels do not fit a frame of"
            f" {frame_size}×{frame_size} (frame_size)"
        )


def pairs(rows: Rows, name: str) -> Int[np.ndarray, "... 2"]:
    """A quantity's rows and columns, along a last dimension."""
    return np.stack([rows[f"{name}_{axis}"] for axis in COMPONENTS], axis=-1)
