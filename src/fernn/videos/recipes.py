"""Recipes on disk, and the videos they stand for."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import xarray as xr

from fernn.videos.base import Device, Tensor
from labrun.errors import UserError
from labrun.modules import load
from labrun.storage import read_dataset


@runtime_checkable
class Sequences(Protocol):
    """Videos of a split; each kind of data has its own."""

    recipe: xr.Dataset
    size: int

    def __len__(self) -> int:
        """The number of sequences."""
        ...

    def video(self, first: int, count: int, frames: int, epoch: int = 0) -> Tensor:
        """Frames of the samples ``first … first + count``, a pure function of both."""
        ...


@runtime_checkable
class Labelled(Sequences, Protocol):
    """Videos that show one of a few classes."""

    def labels(self, first: int, count: int, epoch: int = 0) -> Tensor:
        """The class of each of the samples that `video` gives."""
        ...


def synthesize(spec: dict[str, Any], atlas: xr.Dataset) -> xr.Dataset:
    """The recipe that a specification asks for; ``kind`` names its module."""
    options = dict(spec)
    return load("fernn.data", options.pop("kind")).synthesize(atlas, **options)


def open_sequences(
    recipe: Path | str, atlas: Path | str, device: Device = "cpu"
) -> Sequences:
    """The videos of a recipe file, on a device.

    Raises:
        UserError: a file is missing, or it is no recipe or not of that atlas.
    """
    table = read_dataset(recipe)
    kind = table.attrs.get("kind")
    if not isinstance(kind, str):
        raise UserError(f"{recipe}: is no recipe: its kind is {kind!r}")
    made = load("fernn.data", kind)
    try:
        return made.Sequences(table, read_dataset(atlas), device)
    except KeyError as error:
        raise UserError(f"{recipe}: is no recipe of {kind}: it lacks {error}") from None
