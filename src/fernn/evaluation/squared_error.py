"""The squared error of every predicted frame of every sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from fernn.evaluation._slots import VELOCITY, components
from fernn.evaluation._subject import Subject

HEADLINE = "clamped_squared_error"


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
    errors = []
    for video, frames in subject.forecasts(
        spec["context"], spec["horizon"], spec["batch"]
    ):
        future = video[:, spec["context"] :]
        pairs = [_errors(frame, future[:, ahead]) for ahead, frame in enumerate(frames)]
        errors.append(torch.stack(pairs, dim=-1))
    raw, clamped = torch.cat(errors, dim=1).double().cpu().numpy()
    recipe = subject.sequences.recipe if subject.sequences else xr.Dataset()
    return xr.Dataset(
        {
            "squared_error": (("sample", "frame"), raw, _attrs("squared error")),
            "clamped_squared_error": (
                ("sample", "frame"),
                clamped,
                _attrs("squared error, prediction clamped to [0, 1]"),
            ),
        },
        coords={
            **recipe.coords,
            "frame": ("frame", np.arange(1, spec["horizon"] + 1), {"units": "frame"}),
            **{VELOCITY + name: recipe[VELOCITY + name] for name in components(recipe)},
        },
    )


def _errors(predicted: Tensor, true: Tensor) -> Tensor:
    """(raw, clamped) × sample."""
    both = torch.stack([predicted, predicted.clamp(0, 1)])
    return (both - true).square().mean((2, 3, 4))


def _attrs(name: str) -> dict[str, str]:
    return {"long_name": f"{name}, mean over the pixels of a frame", "units": "1"}
