"""Predictions with less ink."""

from __future__ import annotations

import copy

NEUTRAL = {"factor": 1.0}


def objection(*, factor: float) -> str | None:
    """Why there is nothing to see."""
    return None if factor else "factor 0 leaves no ink"


def treat(model, *, factor: float):
    """A copy whose predictions are multiplied by `factor`."""
    found = copy.deepcopy(model)

    def predict(video, horizon):
        return (factor * frame for frame in model.predict(video, horizon))

    found.predict = predict
    return found
