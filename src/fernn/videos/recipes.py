"""Recipes on disk, and the videos they stand for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import xarray as xr

from fernn.videos.base import Device, Tensor
from labrun.errors import UserError
from labrun.modules import load
from labrun.random_words import derived
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
class Long(Sequences, Protocol):
    """Videos of which any part is rendered alone, so that a long one is never held."""

    def stretch(
        self, first: int, count: int, start: int, frames: int, epoch: int = 0
    ) -> Tensor:
        """Frames ``start … start + frames`` of samples ``first … first + count``."""
        ...


@runtime_checkable
class Labelled(Sequences, Protocol):
    """Videos that show one of a few classes."""

    def labels(self, first: int, count: int, epoch: int = 0) -> Tensor:
        """The class of each of the samples that `video` gives."""
        ...


@runtime_checkable
class Acted(Sequences, Protocol):
    """Videos of an agent whose steps are known."""

    def actions(self, first: int, count: int, frames: int, epoch: int = 0) -> Tensor:
        """The steps between so many frames of samples ``first … first + count``.

        Step t, (rows, columns) in pixels, leads from frame t to the next.
        """
        ...


def synthesize(spec: dict[str, Any], atlas: xr.Dataset) -> xr.Dataset:
    """The recipe that a specification asks for; ``kind`` names its module.

    It keeps the specification, so that `open_sequences` can draw it for a run's seed.
    """
    options = dict(spec)
    made = load("fernn.data", options.pop("kind")).synthesize(atlas, **options)
    return made.assign_attrs(specification=json.dumps(spec, sort_keys=True))


def open_sequences(
    recipe: Path | str,
    atlas: Path | str,
    device: Device = "cpu",
    run_seed: int | None = None,
) -> Sequences:
    """The videos of a recipe file, on a device.

    Args:
        recipe: from `synthesize`.
        atlas: the same one.
        device: where the frames are made.
        run_seed: draw all samples of all epochs anew, from the recipe's specification
            and a seed derived from its own and this one; None for the recipe as it is.

    Raises:
        UserError: a file is missing, or it is no recipe or not of that atlas.
    """
    table = read_dataset(recipe)
    kind = table.attrs.get("kind")
    if not isinstance(kind, str):
        raise UserError(f"{recipe}: is no recipe: its kind is {kind!r}")
    made, images = load("fernn.data", kind), read_dataset(atlas)
    try:
        if run_seed is not None:
            spec = _specification(recipe, table)
            table = synthesize(_of_run(spec, run_seed), images)
        return made.Sequences(table, images, device)
    except KeyError as error:
        raise UserError(f"{recipe}: is no recipe of {kind}: it lacks {error}") from None


def _specification(path: Path | str, recipe: xr.Dataset) -> dict[str, Any]:
    """What a recipe was drawn from.

    Raises:
        UserError: it does not say so, as those of earlier versions.
    """
    try:
        spec = json.loads(recipe.attrs.get("specification", ""))
    except (TypeError, ValueError):
        spec = None
    if not isinstance(spec, dict) or spec.get("kind") != recipe.attrs["kind"]:
        raise UserError(f"{path}: says not how it was drawn; synthesize it again")
    return spec


def _of_run(spec: dict[str, Any], seed: int) -> dict[str, Any]:
    """The specification for a run's seed; without one of its own nothing is drawn."""
    own = {"seed": derived(spec["seed"], "run", seed)} if "seed" in spec else {}
    return {**spec, **own}
