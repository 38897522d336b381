r"""The norm of the state and the error, up to many lengths of the training.

A state that is large for its training may never learn to forget: beyond the trained
length it grows, and the forecast fails. *Stuffed Mamba* calls it state collapse. After
t frames are measured

.. math:: \lVert h_t \rVert, \qquad \lVert h_t(\nu) \rVert \text{ for each slot}, \qquad
   \max_c \lVert h_t^c \rVert^2 / \lVert h_t \rVert^2 \text{ over the channels } c

and the error of the forecast of frame t + 1, in two runs: *driven*, where all t frames
are true, and *rollout*, where those after the context are the model's own. The two are
the same for t = context. The state is the one from which the forecast is decoded. A
flow of the input permutes the slots of a flow equivariant model and leaves their norms.

Source: Y. Chen and others, Stuffed Mamba, COLM 2025, arXiv 2410.07145.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from fernn.evaluation.headlines import Headline
from fernn.evaluation.states import RUNS, driven, in_lab, require_states
from fernn.evaluation.subject import Subject
from fernn.evaluation.velocities import components, slot_axes, units
from fernn.models.rollouts import Carry

DRAWS = ("sampled",)
BASELINES = False  # they have no state
WORK = ({"slower": 2},)  # the frames are seen, and forecast
STORED = ((6, "sequences", "horizon"), (2, "slots", "horizon"))
MEANINGS = {
    "norm": "norm of the state",
    "channel_share": "largest share of one channel in the squared norm",
    "squared_error": "squared error of the next frame, mean over its pixels",
}


@torch.no_grad()
def measure(subject: Subject, spec: dict[str, Any]) -> xr.Dataset:
    """Norms and errors after every number of frames.

    Args:
        subject: a trained forecaster and its test sequences.
        spec: ``context``, ``horizon`` and ``batch``.

    Returns:
        ``norm``, ``channel_share`` and ``squared_error`` (run × sample × time) and
        ``slot_norm`` (run × slot × time), the mean over samples, NaN for slots not in
        V. Time is the number of frames before the forecast, from 1 to ``context +
        horizon - 1``; the run ``rollout`` begins at ``context`` and is NaN before.

    Raises:
        UserError: the model rolls out no state.
    """
    model, sequences = subject.model, subject.sequences
    assert sequences is not None
    require_states(model, "state_norm")
    context, length = spec["context"], spec["context"] + spec["horizon"]
    parts = []
    for video in subject.videos(spec):
        parts.append(_numbers(model, video, context))
    joined = torch.cat(parts, dim=1).double().cpu().numpy()  # run, sample, time, number
    recipe, velocities = sequences.recipe, model.cell.flow.velocities
    times = ("time", np.arange(1, length), {"units": "frame"})
    table: dict[str, Any] = {
        name: (("run", "sample", "time"), joined[..., i], {"long_name": meaning})
        for i, (name, meaning) in enumerate(MEANINGS.items())
    }
    sides, places = slot_axes(velocities)
    slots = np.full((len(RUNS), length - 1, *map(len, sides)), np.nan)
    for slot, place in enumerate(places):
        slots[(..., *place)] = joined[..., len(MEANINGS) + slot].mean(1)
    names = [f"slot_{name}" for name in components(recipe)]
    about = {"long_name": "norm of a slot, mean over sequences"}
    table["slot_norm"] = (("run", "time", *names), slots, about)
    grid = {
        name: (name, side, units(recipe))
        for name, side in zip(names, sides, strict=True)
    }
    coords = {**recipe.coords, "run": list(RUNS), "time": times, **grid}
    return xr.Dataset(table, coords=coords)


def _numbers(model: Any, video: Tensor, context: int) -> Tensor:
    """Numbers of both runs: run × sample × time × (those of `MEANINGS`, then slots)."""
    true, last = video.unbind(1), video.shape[1] - 1
    seen = [
        _of_state(model, *step, true[time])
        for time, step in enumerate(driven(model, video[:, :-1]), start=1)
    ]
    rolled = [torch.full_like(seen[0], torch.nan)] * (context - 1)
    steps = model.trajectory(video[:, :context], last - context + 1)
    for time, (carry, frame) in zip(itertools.count(context), steps, strict=False):
        rolled.append(_of_state(model, carry, frame, true[time]))
    return torch.stack([torch.stack(run, dim=1) for run in (seen, rolled)])


def _of_state(model: Any, carry: Carry, frame: Tensor, true: Tensor) -> Tensor:
    """The numbers of a state and of its forecast: sample × number."""
    squares = in_lab(model, carry).square()
    slots = squares.sum((2, 3, 4))
    whole = slots.sum(1)
    share = squares.sum((1, 3, 4)).amax(1) / whole
    error = (frame - true).square().mean((1, 2, 3))
    return torch.stack([whole.sqrt(), share, error, *slots.sqrt().unbind(1)], dim=1)


def _growth(cube: xr.Dataset, model: str) -> xr.DataArray:
    """The error after all true frames over that at the end of the trained length."""
    error = cube["squared_error"].sel(model=model, run="driven").mean("sample")
    trained = int(cube.attrs["context"]) + int(cube.attrs["horizon"]) - 1
    return error.isel(time=-1, drop=True) / error.sel(time=trained, drop=True)


COMPARED = {"state_norm": Headline("growth of the error", "ratio", "lower", _growth)}
