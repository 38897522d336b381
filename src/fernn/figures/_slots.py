"""The hidden states along one velocity, ready to compare: still against moving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from fernn.evaluation import aggregate
from fernn.figures import _looks

REACH = 2  # slots on each side of the resting one, in steps of the velocity


@dataclass
class Slots:
    """One model's slots on the line through 0 and the velocity of the moving input.

    Attributes:
        label: of the model.
        color: of the model.
        velocity: of the moving input, (rows, columns), pixel/frame.
        steps: the slots are step × velocity.
        hidden: (motion, step, frame, row, column), the last frames of the context.
        travelled: frames the moving input has moved for at the last one.
    """

    label: str
    color: str
    velocity: tuple[int, int]
    steps: list[int]
    hidden: xr.DataArray
    travelled: int

    @property
    def single(self) -> bool:
        """Whether the model has one state only (a G-RNN)."""
        return len(self.steps) == 1

    def partner(self, row: int) -> int | None:
        """The still row that moving row `row` should equal, ν − ν̂; None: not in V."""
        step = self.steps[row] - (0 if self.single else 1)
        return self.steps.index(step) if step in self.steps else None

    def difference(self, row: int) -> tuple[np.ndarray, float]:
        r"""How far row `row` is from the theorem of flow equivariance.

        Returns:
            :math:`|\psi_{1-T}(\hat\nu) h_T[\psi f](\nu) - h_T[f](\nu - \hat\nu)|`,
            (row, column), and its L2 norm relative to that of the still state.
        """
        still = self.hidden.sel(motion="still")[self.partner(row), -1].values
        moving = self.hidden.sel(motion="moving")[row, -1].values
        shift = [-self.travelled * component for component in self.velocity]
        apart = np.roll(moving, shift, axis=(0, 1)) - still
        norm = np.linalg.norm(still)
        return abs(apart), float(np.linalg.norm(apart) / norm) if norm else 0.0


def collect(cube: xr.Dataset, frames: int) -> list[Slots]:
    """The models to draw: the one with fewest slots, then the one with most."""
    about = aggregate.models(cube, baselines=False)
    ordered = sorted(about, key=lambda name: len(about[name]["velocities"]))
    chosen = dict.fromkeys((ordered[0], ordered[-1]))
    return [_slots(cube, name, about[name]["velocities"], frames) for name in chosen]


def _slots(cube: xr.Dataset, name: str, velocities: Sequence, frames: int) -> Slots:
    velocity = int(cube.attrs["flow_rows"]), int(cube.attrs["flow_columns"])
    known = {tuple(slot) for slot in velocities}
    line = {k: (k * velocity[0], k * velocity[1]) for k in range(-REACH, REACH + 1)}
    steps = [step for step, slot in line.items() if slot in known]
    hidden = cube["hidden"].sel(model=name).isel(seed=0)
    hidden = hidden.transpose(
        "motion", "slot_rows", "slot_columns", "frame", "row", "column"
    ).isel(frame=slice(-frames, None))
    rows = xr.DataArray([line[step][0] for step in steps], dims="step")
    columns = xr.DataArray([line[step][1] for step in steps], dims="step")
    hidden = hidden.sel(slot_rows=rows, slot_columns=columns)
    hidden = hidden.transpose("motion", "step", "frame", "row", "column")
    look = _looks.looks([cube])[name]
    travelled = cube.sizes["frame"] - 1
    return Slots(look.label, look.color, velocity, steps, hidden, travelled)
