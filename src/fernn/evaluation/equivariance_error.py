r"""How far a model is from flow equivariance, slot by slot and in its prediction.

Flowing the input by :math:`\hat\nu` should permute the slots of the state,
:math:`h_T[\psi(\hat\nu) f](\nu) = \psi_{T-1}(\hat\nu) \cdot h_T[f](\nu - \hat\nu)`, and
move the prediction with the flow. Errors are relative, in double precision.

Source: arXiv 2507.14793, theorem of equivariance.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from fernn.evaluation.subject import Subject
from fernn.evaluation.velocities import components, slot_axes, units
from fernn.flows import Flow, Velocity

DRAWS = ("flowed",)
BASELINES = False  # they have no state
WORK = ({"horizon": 1, "slower": 2}, {"slower": 2})  # in double precision
STORED = (("copies", "slots"), ("copies", "horizon"))


@torch.no_grad()
def measure(subject: Subject, spec: dict[str, Any]) -> xr.Dataset:
    """Relative L2 errors under every flow of the recipe.

    Args:
        subject: a trained model and flowed sequences.
        spec: ``context`` and ``horizon``.

    Returns:
        ``slot_error`` (flow × slot), NaN where the slot or the one it came from is not
        in V, and ``output_error`` (flow × frame). A model with one slot is compared
        with its own flowed state.
    """
    model, sequences = subject.model.double(), subject.sequences
    assert sequences is not None
    context, horizon = spec["context"], spec["horizon"]
    flows = _flows(sequences.recipe)
    count = len(sequences) // len(flows)
    flow = model.cell.flow
    sides, place = slot_axes(flow.velocities)
    grid, places = slot_axes(flows)
    slots = np.full((*map(len, grid), *map(len, sides)), np.nan)
    outputs = np.full((*map(len, grid), horizon), np.nan)
    still: tuple[Tensor, Tensor] | None = None
    for index, nu in enumerate(flows):
        frames = context + horizon
        video = sequences.video(index * count, count, frames)[:, :context].double()
        *_, state = model.encode(video)
        pair = state, model(video, horizon)
        still = still or pair
        at = places[index]
        for slot, error in _slot_errors(flow, nu, pair[0], still[0], context):
            slots[(*at, *place[slot])] = error
        expected = [
            flow.act(frame, nu, context + ahead)
            for ahead, frame in enumerate(still[1].unbind(1))
        ]
        outputs[at] = [
            _relative(frame, true)
            for frame, true in zip(pair[1].unbind(1), expected, strict=True)
        ]
    recipe = sequences.recipe
    return _dataset(slots, outputs, components(recipe), (grid, sides), units(recipe))


def _flows(recipe: xr.Dataset) -> list[Velocity]:
    """The flows in the order of the recipe's copies."""
    parts = [recipe[f"flow_{name}"].values for name in components(recipe)]
    return list(dict.fromkeys(tuple(map(int, nu)) for nu in zip(*parts, strict=True)))


def _slot_errors(
    flow: Flow, nu: Velocity, flowed: Tensor, still: Tensor, context: int
) -> Iterator[tuple[int, float]]:
    for slot, velocity in enumerate(flow.velocities):
        source = 0 if len(flow.velocities) == 1 else flow.difference(velocity, nu)
        if source is not None:
            expected = flow.act_on_state(still[:, source], nu, context - 1)
            yield slot, _relative(flowed[:, slot], expected)


def _relative(found: Tensor, expected: Tensor) -> float:
    norm = expected.norm().item()
    return (found - expected).norm().item() / norm if norm else float("nan")


def _dataset(
    slots: np.ndarray,
    outputs: np.ndarray,
    names: list[str],
    sides: tuple[list[list[int]], list[list[int]]],
    attrs: dict[str, str],
) -> xr.Dataset:
    flow, slot = ([f"{what}_{name}" for name in names] for what in ("flow", "slot"))
    coords = dict(zip((*flow, *slot), (*sides[0], *sides[1]), strict=True))
    return xr.Dataset(
        {
            "slot_error": (
                (*flow, *slot),
                slots,
                {"long_name": "relative L2 error of a slot's state", "units": "1"},
            ),
            "output_error": (
                (*flow, "frame"),
                outputs,
                {"long_name": "relative L2 error of the prediction", "units": "1"},
            ),
        },
        coords={
            **{name: (name, values, attrs) for name, values in coords.items()},
            "frame": ("frame", np.arange(1, outputs.shape[-1] + 1), {"units": "frame"}),
        },
    )
