"""An analysis: what a training has done to a model's weights, from its records."""

from __future__ import annotations

import xarray as xr

DRAWS = (None,)  # it has no test set
TASK = "any"
BASELINES = False


def measure(subject, spec) -> xr.Dataset:
    """``share`` (velocity) of the mixture, and ``weight`` (epoch) of a penalty."""
    share = subject.model.share.softmax(0).detach().numpy()
    history = subject.history
    weight = history.get("penalty.weight", 0 * history.updates)
    return xr.Dataset({"share": ("velocity", share), "weight": weight})
