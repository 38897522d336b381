"""What a model believes of the whole world, of a few sequences, where it is not seen.

The pictures lie as the world does, whose origin is the window's corner in frame 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from fernn.evaluation.subject import Subject
from fernn.models._window import Window, corners_of

TASK = "act"
DRAWS = ("sampled",)
# A world has about three times the pixels of its window.
STORED = ((6, "sequences", "context", "pixels"), (6, "sequences", "horizon", "pixels"))


@torch.no_grad()
def measure(subject: Subject, spec: dict[str, Any]) -> xr.Dataset:
    """The world and beliefs of it, pixel by pixel, and where the window is.

    Args:
        subject: a model and its test sequences.
        spec: ``context``, ``horizon`` and ``batch``.

    Returns:
        ``truth`` and ``belief`` (sample × frame × row × column), in units of full ink;
        frames up to 0 are observed, where the belief is NaN. A model without a map
        believes what it predicts in the window, and nothing (NaN) elsewhere.
        ``corner`` (sample × frame × component) is the window's, modulo the world.
    """
    sequences: Any = subject.sequences
    context, horizon = spec["context"], spec["horizon"]
    frames, world = context + horizon, int(sequences.recipe.attrs["world"])
    view, parts = Window.of(sequences.size, world), []
    for first in range(0, len(sequences), spec["batch"]):
        video = sequences.video(first, spec["batch"], frames)
        count = len(video)
        actions = sequences.actions(first, count, frames)
        corners = corners_of(actions)
        whole = sequences.worlds(first, count, frames)
        truth = Window(view.world, view.world).write(whole, corners)
        believed = torch.full_like(truth, float("nan"))
        given = video[:, :context], horizon, actions
        for ahead, picture in enumerate(_believed(subject.model, view, *given)):
            believed[:, context + ahead] = picture
        parts.append((truth[:, :, 0], believed[:, :, 0], corners % world))
    truth, believed, corner = (
        torch.cat(each).cpu().numpy() for each in zip(*parts, strict=True)
    )
    dims = ("sample", "frame", "row", "column")
    units = {"units": "1"}
    return xr.Dataset(
        {
            "truth": (dims, truth, units),
            "belief": (dims, believed, units),
            "corner": ((*dims[:2], "component"), corner, {"units": "pixel"}),
        },
        {"frame": ("frame", np.arange(1 - context, horizon + 1), {"units": "frame"})},
    )


def _believed(
    model: Any, view: Window, video: Tensor, horizon: int, actions: Tensor
) -> Iterator[Tensor]:
    """The believed world in each predicted frame."""
    if hasattr(model, "beliefs"):
        yield from model.beliefs(video, horizon, actions)
        return
    corners = corners_of(actions)[:, video.shape[1] :]
    for ahead, frame in enumerate(model.predict(video, horizon, actions)):
        place = corners[:, ahead : ahead + 1]
        there = view.write(torch.ones_like(frame[:, None]), place)
        pasted = view.write(frame[:, None], place)
        yield torch.where(there > 0, pasted, float("nan"))[:, 0]
