"""The predicted frames themselves, of a few sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import xarray as xr

from fernn.evaluation.subject import Subject

TASK = ("forecast", "act")
STORED = ((2, "sequences", "context", "pixels"), (2, "sequences", "horizon", "pixels"))


@torch.no_grad()
def measure(subject: Subject, spec: dict[str, Any]) -> xr.Dataset:
    """Truth and prediction, pixel by pixel.

    Args:
        subject: a model and its test sequences.
        spec: ``context``, ``horizon`` and ``batch``.

    Returns:
        ``truth`` and ``prediction`` (sample × frame × row × column), in units of full
        ink; frames up to 0 are observed, where the prediction is NaN.
    """
    context, horizon = spec["context"], spec["horizon"]
    truths, predictions = [], []
    for video, frames in subject.forecasts(context, horizon, spec["batch"]):
        predicted = torch.full_like(video, float("nan"))
        for ahead, frame in enumerate(frames):
            predicted[:, context + ahead] = frame
        truths.append(video[:, :, 0].cpu().numpy())
        predictions.append(predicted[:, :, 0].cpu().numpy())
    dims = ("sample", "frame", "row", "column")
    numbers = np.arange(1 - context, horizon + 1)
    return xr.Dataset(
        {
            "truth": (dims, np.concatenate(truths), {"units": "1"}),
            "prediction": (dims, np.concatenate(predictions), {"units": "1"}),
        },
        coords={"frame": ("frame", numbers, {"units": "frame"})},
    )
