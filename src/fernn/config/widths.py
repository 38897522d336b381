"""`match: parameters`: widths that give models equally many weights."""

from __future__ import annotations

import functools
import json
from typing import Any

from fernn.config.schema import Experiment

WITHIN = 0.03  # of the reference's number of parameters
WIDEST = 4096  # hidden channels that are tried


def reference(experiment: Experiment) -> str:
    """The model whose number of parameters the others have."""
    return experiment.reference or experiment.models[0]


@functools.cache
def parameters(spec: str, size: int) -> int:
    """The number of weights of a specification, as JSON; no weight is made."""
    import torch

    from fernn import models

    with torch.device("meta"):
        return models.parameters(models.build(json.loads(spec), size))


def matched(spec: dict[str, Any], target: int, size: int) -> int:
    """The width that brings a model nearest to a number of parameters.

    Args:
        spec: of the model; its own width does not count.
        target: parameters; they grow with the width.
        size: of frames, pixels.
    """

    def count(hidden: int) -> int:
        return of_spec({**spec, "hidden": hidden}, size)

    low, high = 1, 2
    while count(high) < target and high < WIDEST:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) < target else (low, middle)
    return min((low, high), key=lambda hidden: abs(count(hidden) - target))


def of_spec(spec: dict[str, Any], size: int) -> int:
    """The number of weights of a model, on frames of `size` pixels."""
    return parameters(json.dumps(spec, sort_keys=True), size)
