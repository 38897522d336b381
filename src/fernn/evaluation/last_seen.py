"""The error of a pixel against the time since what it shows was last seen: memory.

What a pixel shows is a point of a digit, or without one a place of the world; see
`fernn.data.world.Sequences.last_seen`. Only observed frames count as seen.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import xarray as xr
from jaxtyping import Bool, Float, Int
from torch import Tensor

from fernn.evaluation.subject import Subject
from fernn.videos.visible import NEVER

TASK = "act"
DRAWS = ("sampled",)
SHOWS = ("background", "digit")  # of a pixel
STORED = ((4, "context"), (4, "horizon"))


@torch.no_grad()
def measure(subject: Subject, spec: dict[str, Any]) -> xr.Dataset:
    """Means over the pixels of all predicted frames that are equally old.

    Args:
        subject: a model and its test sequences.
        spec: ``context``, ``horizon`` and ``batch``.

    Returns:
        ``squared_error``, of predictions clamped to [0, 1], and the number of
        ``pixels`` (shows × age). The age is in frames, the newest observed frame being
        1 old in the first predicted one; -1 for what was never seen.
    """
    sequences: Any = subject.sequences
    context, horizon = spec["context"], spec["horizon"]
    ages, first = context + horizon, 0
    total = np.zeros((2, len(SHOWS), ages))
    for video, frames in subject.forecasts(context, horizon, spec["batch"]):
        age, ink = sequences.last_seen(first, len(video), context, context + horizon)
        first += len(video)
        for ahead, frame in enumerate(frames):
            error = (frame.clamp(0, 1) - video[:, context + ahead])[:, 0].square()
            total += summed(error, age[:, ahead], ink[:, ahead], ages)
    error, pixels = total
    with np.errstate(invalid="ignore"):
        mean = error / np.where(pixels > 0, pixels, np.nan)
    dims = ("shows", "age")
    of_error = {"long_name": "squared error of a pixel, clamped", "units": "1"}
    return xr.Dataset(
        {
            "squared_error": (dims, mean, of_error),
            "pixels": (dims, pixels, {"long_name": "pixels of that age", "units": "1"}),
        },
        {"shows": [*SHOWS], "age": ("age", [NEVER, *range(1, ages)], UNITS)},
    )


UNITS = {"long_name": "since it was last seen", "units": "frame"}


def summed(
    error: Float[Tensor, "sample height width"],
    age: Int[Tensor, "sample height width"],
    ink: Bool[Tensor, "sample height width"],
    ages: int,
) -> Float[np.ndarray, "2 shows age"]:
    """The sum of errors, and the number, of pixels that show the same and are as old.

    Args:
        error: of each pixel.
        age: in frames, at least 1 and below `ages`, or `NEVER`.
        ink: whether it shows a digit.
        ages: how many there are, with never.
    """
    place = torch.where(age == NEVER, 0, age) + ages * ink
    flat, weights = place.flatten().cpu(), error.double().flatten().cpu()
    many = len(SHOWS) * ages
    sums = torch.bincount(flat, weights, many), torch.bincount(flat, minlength=many)
    return np.stack([each.numpy().reshape(len(SHOWS), ages) for each in sums])
