"""Tuning: Optuna trials of a model, in slots that fix their number."""
