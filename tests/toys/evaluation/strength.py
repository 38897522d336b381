"""An analysis: what a training has done to a model's weights, and its records."""

from __future__ import annotations

import torch
import xarray as xr

DRAWS = (None,)  # it has no test set
TASK = "any"
BASELINES = False


def measure(subject, spec) -> xr.Dataset:
    """``strength``: the weights' norm; ``weight`` (epoch) of a penalty, else 0."""
    weights = torch.cat([each.flatten() for each in subject.model.parameters()])
    strength = float(weights.detach().norm())
    weight = subject.history.get("penalty.weight", 0.0 * subject.history.updates)
    return xr.Dataset({"strength": strength, "weight": weight})
