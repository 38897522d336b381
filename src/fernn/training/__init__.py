"""Training: one loop for every model."""

from __future__ import annotations

from fernn.training.loop import Diverged, Interrupted, train
from fernn.training.settings import Settings

__all__ = ["Diverged", "Interrupted", "Settings", "train"]
