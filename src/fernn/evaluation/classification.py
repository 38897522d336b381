"""The class that a model gives each sequence, and the probability of the true one."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import xarray as xr

from fernn.evaluation.headlines import Headline
from fernn.evaluation.subject import Subject

DRAWS = ("sampled", "grid")
TASK = "classify"
HEADLINE = "correct"
COPIED = ("label", "person", "scenario", "velocity_rows", "velocity_columns")


@torch.no_grad()
def measure(subject: Subject, spec: dict[str, Any]) -> xr.Dataset:
    """The class each sequence is given, and the probability of the true one.

    Several sequences of a clip, which start at different frames, are samples of their
    own; a mean over samples is a mean over them too.

    Args:
        subject: a model and its test sequences.
        spec: ``context``, the frames seen, and ``batch``.

    Returns:
        ``correct``, ``predicted`` and ``log_probability`` (sample), with the class,
        person, scenario, clip and velocity of each as coordinates.
    """
    sequences: Any = subject.sequences
    recipe, parts = sequences.recipe, []
    for first in range(0, len(sequences), spec["batch"]):
        video = sequences.video(first, spec["batch"], spec["context"])
        logits = subject.model(video).double().log_softmax(1)
        labels = sequences.labels(first, spec["batch"])
        own = logits.gather(1, labels[:, None])[:, 0]
        parts.append(torch.stack([logits.argmax(1), labels, own], dim=-1).cpu())
    predicted, labels, own = torch.cat(parts).numpy().T
    table = {
        "correct": (
            (predicted == labels).astype(np.int8),
            "whether it is the true class",
        ),
        "predicted": (predicted.astype(np.int8), "class that the model gives"),
        "log_probability": (own.astype(np.float32), "of the true class, in nats"),
    }
    variables = {
        name: ("sample", values, {"long_name": meaning})
        for name, (values, meaning) in table.items()
    }
    coords = {name: recipe[name] for name in COPIED}
    coords["clip"] = recipe.clip_index
    about = {name: recipe.attrs[name] for name in ("source", "classes")}
    return xr.Dataset(
        variables, coords={"sample": recipe.sample, **coords}, attrs=about
    )


def _accuracy(cube: xr.Dataset, model: str) -> xr.DataArray:
    return cube["correct"].sel(model=model).mean("sample")


COMPARED = {
    "camera": Headline("accuracy", "difference", "higher", _accuracy, {"draw": "grid"})
}
