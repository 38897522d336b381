"""Numbers of every predicted frame: what statistics of forecasts share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from fernn.evaluation._subject import Subject


def by_frame(
    subject: Subject,
    spec: dict[str, Any],
    compare: Callable[[Tensor, Tensor], Tensor],
    meanings: Mapping[str, tuple[str, str]],
) -> xr.Dataset:
    """Compare every predicted frame of every sequence with the true one.

    Args:
        subject: a model and its test sequences.
        spec: ``context``, ``horizon`` and ``batch``.
        compare: from a predicted and a true frame of some sequences, each sample ×
            channel × height × width, to number × sample.
        meanings: the name of each number, with its long name and units.

    Returns:
        The numbers (sample × frame), labelled as the sequences are; frame 1 follows
        the last observed one.
    """
    assert subject.sequences is not None
    context, horizon, parts = spec["context"], spec["horizon"], []
    for video, frames in subject.forecasts(context, horizon, spec["batch"]):
        future = video[:, context:]
        found = [compare(frame, future[:, ahead]) for ahead, frame in enumerate(frames)]
        parts.append(torch.stack(found, dim=-1))
    values = torch.cat(parts, dim=1).double().cpu().numpy()
    table = {
        name: (("sample", "frame"), part, {"long_name": meaning, "units": units})
        for part, (name, (meaning, units)) in zip(values, meanings.items(), strict=True)
    }
    numbers = ("frame", np.arange(1, horizon + 1), {"units": "frame"})
    coords = {**subject.sequences.recipe.coords, "frame": numbers}
    return xr.Dataset(table, coords=coords)
