"""Tuning: Optuna trials of a model, in slots that fix their number."""

from __future__ import annotations

from fernn.tuning.study import best, open_study, run_slots

__all__ = ["best", "open_study", "run_slots"]
