"""Mean squared error of a model with relaxations, as it is and with γ = 0.

Source: A. Manolache and others, NeurIPS 2025, arXiv 2505.13631.
"""

from __future__ import annotations

from typing import Any

import xarray as xr

from fernn.evaluation import aggregate, squared_error
from fernn.evaluation.errors import raw
from fernn.evaluation.headlines import Headline
from fernn.evaluation.subject import Subject
from fernn.models._relaxed import relaxations_of, strictly

WORK = ({"slower": 2},)  # see `fernn.estimate.work`
DRAWS = ("sampled",)


def measure(subject: Subject, spec: dict[str, Any]) -> xr.Dataset:
    """``squared_error`` and ``squared_error_strict`` (sample, frame).

    Of a model without relaxations, and of a baseline, the two are the same.

    Args:
        subject: a model and its test sequences.
        spec: see `squared_error`.
    """
    found = squared_error.measure(subject, spec)[["squared_error"]]
    if subject.baseline is not None or not relaxations_of(subject.model):
        return found.assign(squared_error_strict=found["squared_error"])
    with strictly(subject.model):
        strict = squared_error.measure(subject, spec)["squared_error"]
    return found.assign(squared_error_strict=strict)


def _kept(cube: xr.Dataset, model: str) -> xr.DataArray:
    return raw(aggregate.trained_frames(cube), model).mean(("sample", "frame"))


COMPARED = {"strict_error": Headline("error", "ratio", "lower", _kept)}
