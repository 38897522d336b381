"""The state while the same digit rests and moves: Figures 2 and 9 of the paper.

Source: arXiv 2507.14793, figures 2 and 9.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import xarray as xr

from fernn.evaluation.subject import Subject
from fernn.evaluation.velocities import components, slot_axes, units
from labrun.errors import UserError

DRAWS = ("flowed",)
BASELINES = False  # they have no state
WORK = ({"horizon": 1},)
STORED = (("sequences", "slots", "context", "pixels"),)
MOTIONS = ("still", "moving")


@torch.no_grad()
def measure(subject: Subject, spec: dict[str, Any]) -> xr.Dataset:
    """The mean over channels of every slot after each observed frame.

    Args:
        subject: a trained model and one sequence, at rest and under one flow.
        spec: ``context``.

    Returns:
        ``hidden`` (motion × slot × frame × row × column), NaN for slots not in V, and
        ``video`` (motion × frame × row × column).

    Raises:
        UserError: the recipe does not hold one resting and one moving sequence.
    """
    model, sequences = subject.model, subject.sequences
    assert sequences is not None
    if len(sequences) != len(MOTIONS):
        raise UserError(
            "hidden_state needs one sequence at rest and one moving,"
            f" got {len(sequences)}; set sequences: 1 and one flow"
        )
    video = sequences.video(0, 2, spec["context"])
    sides, place = slot_axes(model.cell.flow.velocities)
    states = torch.stack([state.mean(2) for state in model.encode(video)], dim=2)
    shape = (len(MOTIONS), *map(len, sides), *states.shape[2:])
    hidden = np.full(shape, np.nan, dtype=np.float32)
    for slot, at in enumerate(place):
        hidden[(slice(None), *at)] = states[:, slot].cpu().numpy()
    recipe, names = sequences.recipe, components(sequences.recipe)
    slots = [f"slot_{name}" for name in names]
    pixels = ("frame", "row", "column")
    moved = recipe.isel(sample=1)
    return xr.Dataset(
        {
            "hidden": (("motion", *slots, *pixels), hidden),
            "video": (("motion", *pixels), video[:, :, 0].cpu().numpy()),
        },
        coords={
            "motion": list(MOTIONS),
            **{
                s: (s, side, units(recipe))
                for s, side in zip(slots, sides, strict=True)
            },
            "frame": ("frame", np.arange(1 - spec["context"], 1), {"units": "frame"}),
        },
        attrs={f"flow_{name}": int(moved[f"flow_{name}"]) for name in names},
    )
