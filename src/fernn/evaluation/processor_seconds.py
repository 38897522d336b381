"""Validation error against the processor seconds of training: measured times.

Unlike the numbers of other statistics these differ from run to run.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from fernn.evaluation.subject import Subject

DRAWS = (None,)  # it has no test set
TASK = "any"
BASELINES = False  # they are not trained


def measure(subject: Subject, spec: dict[str, Any]) -> xr.Dataset:
    """``validation_error`` and ``processor_seconds`` so far (epoch).

    Args:
        subject: a trained model.
        spec: of no account.

    Returns:
        Seconds of the process that trained, from its first step on, with validation;
        NaN for a training that did not measure them.
    """
    found = subject.history[["validation_error"]]
    epochs = found.sizes["epoch"]
    seconds = subject.measured.get("processor_seconds", [np.nan] * epochs)
    about = {"long_name": "processor seconds of training", "units": "s"}
    return found.assign(processor_seconds=("epoch", seconds, about))
