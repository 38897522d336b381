"""How much of the ink a prediction keeps."""

from __future__ import annotations

import torch
import xarray as xr

from fernn.evaluation.headlines import Headline


def objection(*, times: float) -> str | None:
    """Why there is nothing to see."""
    return None if times else "times 0 leaves no ink"


@torch.no_grad()
def measure(subject, spec, *, times: float) -> xr.Dataset:
    """``ink`` (sample): sum of the predicted frames over that of the true, `times`."""
    context, parts = spec["context"], []
    for video, frames in subject.forecasts(context, spec["horizon"], spec["batch"]):
        predicted = sum(frame.sum((1, 2, 3)) for frame in frames)
        parts.append(times * predicted / video[:, context:].sum((1, 2, 3, 4)))
    recipe = subject.sequences.recipe
    coords = {"sample": recipe.sample, "velocity_rows": recipe.velocity_rows}
    return xr.Dataset({"ink": ("sample", torch.cat(parts).numpy())}, coords=coords)


def _kept(cube: xr.Dataset, model: str) -> xr.DataArray:
    return cube["ink"].sel(model=model).mean("sample")


COMPARED = {"ink": Headline("ink", "ratio", None, _kept)}
