"""Training curves, from the histories of checkpoints, and the error of baselines."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from fernn.evaluation import squared_error
from fernn.evaluation.subject import Subject

DRAWS = (None,)  # it has no test set
WORK = ()  # it reads what training wrote
STORED = ((3, "epochs"),)
TASK = "any"


def measure(subject: Subject, spec: dict[str, Any]) -> xr.Dataset:
    """``train_loss`` and ``validation_error`` (epoch), and ``updates`` so far.

    Args:
        subject: a trained model, or a baseline and the validation sequences. A
            baseline has one epoch without updates, and no loss.
        spec: ``context``, ``horizon`` (as in validation) and ``batch``.
    """
    if subject.baseline is None:
        return subject.history[["train_loss", "validation_error", "updates"]]
    error = float(squared_error.measure(subject, spec).squared_error.mean())
    columns = {"train_loss": np.nan, "validation_error": error, "updates": 0}
    table = {name: ("epoch", [value]) for name, value in columns.items()}
    return xr.Dataset(table, coords={"epoch": [1]})
