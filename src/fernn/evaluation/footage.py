"""The test sequences themselves, as the models observe them."""

from __future__ import annotations

from typing import Any

import xarray as xr

from fernn.evaluation.subject import Subject

DRAWS = ("sampled", "grid")
TASK = "classify"
COPIED = ("label", "velocity_rows", "velocity_columns")


def measure(subject: Subject, spec: dict[str, Any]) -> xr.Dataset:
    """The frames of all sequences, whatever the model.

    Args:
        subject: any model and a few test sequences.
        spec: ``context``, the frames shown.

    Returns:
        ``video`` (sample × frame × row × column), with the class and the velocity of
        each sample.
    """
    sequences: Any = subject.sequences
    recipe = sequences.recipe
    video = sequences.video(0, len(sequences), spec["context"])[:, :, 0]
    return xr.Dataset(
        {"video": (("sample", "frame", "row", "column"), video.cpu().numpy())},
        coords={"sample": recipe.sample, **{name: recipe[name] for name in COPIED}},
        attrs={name: recipe.attrs[name] for name in ("source", "classes")},
    )
