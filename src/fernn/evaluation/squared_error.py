"""The squared error of every predicted frame of every sequence."""

from __future__ import annotations

from typing import Any

import torch
import xarray as xr
from torch import Tensor

from fernn.evaluation import aggregate, velocities
from fernn.evaluation.errors import by_class, clipped
from fernn.evaluation.headlines import Headline
from fernn.evaluation.subject import Subject, by_frame

TASK = ("forecast", "act")
HEADLINE = "clamped_squared_error"
STORED = ((2, "sequences", "horizon"),)
MEANINGS = {
    "squared_error": ("squared error, mean over the pixels of a frame", "1"),
    "clamped_squared_error": (
        "squared error, prediction clamped to [0, 1], mean over the pixels of a frame",
        "1",
    ),
}


@torch.no_grad()
def measure(subject: Subject, spec: dict[str, Any]) -> xr.Dataset:
    """Mean over the pixels of a frame of the squared error, raw and clamped.

    Args:
        subject: a model and its test sequences.
        spec: ``context``, ``horizon`` and ``batch``.

    Returns:
        ``squared_error`` and ``clamped_squared_error`` (sample × frame), the second
        with predictions limited to [0, 1]; frame 1 follows the last observed one.
    """
    assert subject.sequences is not None
    recipe = subject.sequences.recipe
    moves = {name: recipe[name] for name in velocities.names(recipe)}
    return by_frame(subject, spec, _errors, MEANINGS).assign_coords(moves)


def _errors(predicted: Tensor, true: Tensor) -> Tensor:
    """(raw, clamped) × sample."""
    both = torch.stack([predicted, predicted.clamp(0, 1)])
    return (both - true).square().mean((2, 3, 4))


def _near(cube: xr.Dataset, model: str) -> xr.DataArray:
    error = clipped(aggregate.trained_frames(cube), model)
    return error.mean(("sample", "frame"))


def _far(cube: xr.Dataset, model: str) -> xr.DataArray:
    """Of the last frames of all, as many as the trained horizon."""
    error, horizon = clipped(cube, model), int(cube.attrs["horizon"])
    return error.isel(frame=slice(-horizon, None)).mean(("sample", "frame"))


def _new(cube: xr.Dataset, model: str) -> xr.DataArray:
    """Of velocities that are not in the training data; of all models the same ones."""
    error = clipped(aggregate.trained_frames(cube), model).mean("frame")
    error = error.transpose("seed", "sample")
    about = aggregate.models(cube)[model] | {"role": "baseline"}
    unseen = by_class(cube, error, about)["unseen"]
    return error.isel(sample=0, drop=True).copy(data=unseen)


COMPARED = {
    "in_distribution": Headline(
        "error", "ratio", "lower", _near, {"draw": "sampled", "longer": False}
    ),
    "length": Headline(
        "error, longest roll-out",
        "ratio",
        "lower",
        _far,
        {"draw": "sampled", "longer": True},
    ),
    "velocity": Headline(
        "error, new velocities", "ratio", "lower", _new, {"draw": "grid"}
    ),
}
