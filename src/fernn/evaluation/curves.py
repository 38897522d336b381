"""Training curves, from the histories beside the checkpoints."""

from __future__ import annotations

from typing import Any

import xarray as xr

from fernn.evaluation._subject import Subject


def measure(subject: Subject, spec: dict[str, Any]) -> xr.Dataset:
    """``train_loss`` and ``validation_error`` (epoch), and ``updates`` so far."""
    return subject.history[["train_loss", "validation_error", "updates"]]
