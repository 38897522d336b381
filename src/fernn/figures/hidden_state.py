"""Hidden states while a still and a moving copy of one digit are observed.

States are means over channels, of the first seed. A G-RNN has one state. A FERNN has a
state, called a slot, for each of its velocities V. By the paper's theorem slot ν under
a flow with velocity ν̂ equals slot ν − ν̂ of the still input, shifted with the digit;
arrows join the two. On the right, the moving state shifted back minus the still state,
and its relative error. The sign at an arrow compares the two: = below an error of 1e-5,
≈ up to 0.01, ≠ above. Framed: the slot that moves with the digit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from fernn.drawing import parts
from fernn.drawing.style import PAGE, looks_of, theme
from fernn.evaluation import aggregate
from fernn.evaluation.numbers import Number, over_seeds

SHOWS = {"hidden_state": {"statistic": "hidden_state", "unit": "pixels"}}
FRAMES = 4  # shown, the last ones
REACH = 2  # slots on each side of the resting one, in steps of the velocity
PITCH = 1.12  # from cell to cell, in cells
LEFT, ARROWS, RIGHT, ABOVE = 1.9, 1.9, 0.9, 0.85  # margins and arrows, in cells
HEADING = 0.55  # above each model, in cells
FAINT = "0.45"
ROUNDING = 1e-5  # relative errors below it are rounding of float32

# Left edges of the still frames, the moving ones and the difference.
STILL, END = 0.0, FRAMES * PITCH
MOVING = END + ARROWS
DIFFERENCE = MOVING + END + 0.3
WIDTH = LEFT + DIFFERENCE + PITCH + RIGHT
CENTER: dict[str, Any] = {"ha": "center", "va": "bottom"}


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
        apart = _shifted_back(moving, self.velocity, self.travelled) - still
        norm = np.linalg.norm(still)
        return abs(apart), float(np.linalg.norm(apart) / norm) if norm else 0.0


@theme
def draw(cubes: Sequence[xr.Dataset]) -> Figure:
    """A block for each `hidden_state` cube (the paper's Figs. 2 and 9).

    The G-RNN stands above the model with the most velocities.
    """
    blocks = [_collect(cube) for cube in cubes]
    tall = [ABOVE + PITCH + sum(map(_height, block)) for block in blocks]
    inches = PAGE / WIDTH * sum(tall) + 0.3 * len(cubes)
    figure = Figure(figsize=(PAGE, inches))
    grid = figure.subplots(len(cubes), squeeze=False, height_ratios=tall).ravel()
    for axes, cube, block, height in zip(grid, cubes, blocks, tall, strict=True):
        axes.axis("off")
        axes.set_title(parts.title(cube))
        _inputs(axes, cube, block[0].velocity)
        top = PITCH + HEADING
        for slots in block:
            _model(axes, slots, top)
            top += _height(slots)
        axes.set(xlim=(-LEFT, WIDTH - LEFT), ylim=(height - ABOVE, -ABOVE))
        axes.set_aspect("equal")
    return figure


def _collect(cube: xr.Dataset) -> list[Slots]:
    """The models to draw: the one with fewest slots, then the one with most."""
    about = aggregate.models(cube, baselines=False)
    ordered = sorted(about, key=lambda name: len(about[name]["velocities"]))
    chosen = dict.fromkeys((ordered[0], ordered[-1]))
    return [_slots(cube, name, about[name]["velocities"]) for name in chosen]


def _slots(cube: xr.Dataset, name: str, velocities: Sequence) -> Slots:
    velocity = int(cube.attrs["flow_rows"]), int(cube.attrs["flow_columns"])
    known = {tuple(slot) for slot in velocities}
    line = {k: (k * velocity[0], k * velocity[1]) for k in range(-REACH, REACH + 1)}
    steps = [step for step, slot in line.items() if slot in known]
    rows = xr.DataArray([line[step][0] for step in steps], dims="step")
    columns = xr.DataArray([line[step][1] for step in steps], dims="step")
    hidden = cube["hidden"].sel(model=name, slot_rows=rows, slot_columns=columns)
    hidden = hidden.isel(seed=0, frame=slice(-FRAMES, None))
    hidden = hidden.transpose("motion", "step", "frame", "row", "column")
    look = looks_of([cube])[name]
    travelled = cube.sizes["frame"] - 1
    return Slots(look.label, look.color, velocity, steps, hidden, travelled)


def _shifted_back(
    moving: np.ndarray, velocity: tuple[int, int], frames: int
) -> np.ndarray:
    """States (..., row, column) of an input that has moved for some frames."""
    back = [-frames * component for component in velocity]
    return np.roll(moving, back, axis=(-2, -1))


def _height(slots: Slots) -> float:
    return len(slots.steps) * PITCH + HEADING


def _inputs(axes: Axes, cube: xr.Dataset, velocity: tuple[int, int]) -> None:
    middle = (END + 1 - PITCH) / 2
    flow = ", ".join(map(parts.signed, velocity))
    axes.text(STILL + middle, -0.35, "still input", **CENTER)
    text = f"moving input, ν̂ = ({flow}) pixel/frame"
    axes.text(MOVING + middle, -0.35, text, **CENTER)
    for left, motion in ((STILL, "still"), (MOVING, "moving")):
        video = cube["video"].sel(motion=motion).isel(frame=slice(-FRAMES, None))
        for column, image in enumerate(video.transpose("frame", "row", "column")):
            x = left + column * PITCH
            parts.cell(axes, image, x, 0, "gray")
            number = parts.signed(int(image["frame"]))
            axes.text(x + 0.5, -0.08, number, size=5.5, color=FAINT, **CENTER)
    axes.text(-0.2, -0.08, "frame", size=5.5, color=FAINT, ha="right", va="bottom")
    axes.text(-0.2, 0.5, "input", size=6.5, ha="right", va="center")
    note = "difference,\nrelative error"
    axes.text(DIFFERENCE + 0.5, PITCH + HEADING - 0.1, note, size=6, **CENTER)


def _model(axes: Axes, slots: Slots, top: float) -> None:
    what = "one state" if slots.single else "a slot for each velocity ν"
    heading: dict[str, Any] = {"weight": "bold", "color": slots.color, "va": "bottom"}
    axes.text(STILL, top - 0.1, f"{slots.label}: {what}", **heading)
    high = float(slots.hidden.max())
    for row, step in enumerate(slots.steps):
        y = top + row * PITCH
        if not slots.single:
            slot = ", ".join(parts.signed(step * part) for part in slots.velocity)
            label = f"ν = ({slot})"
            axes.text(-0.2, y + 0.5, label, size=6.5, ha="right", va="center")
        for left, motion in ((STILL, "still"), (MOVING, "moving")):
            for column, image in enumerate(slots.hidden.sel(motion=motion)[row]):
                parts.cell(axes, image, left + column * PITCH, y, "magma", high)
        source = slots.partner(row)
        if source is None:
            faint: dict[str, Any] = {"size": 5.5, "color": FAINT, "ha": "center"}
            text = "ν − ν̂ is\nnot in V"
            axes.text(DIFFERENCE + 0.5, y + 0.5, text, va="center", **faint)
        else:
            _compare(axes, slots, row, y, top + source * PITCH, high)


def _compare(
    axes: Axes, slots: Slots, row: int, y: float, source: float, high: float
) -> None:
    """Arrow from the still state to the moving one it should equal, and the error."""
    image, error = slots.difference(row)
    follows = slots.steps[row] == (0 if slots.single else 1)  # moves with the input
    color, width = (slots.color, 1.4) if follows else ("0.6", 0.8)
    arrow: dict[str, Any] = {"arrowstyle": "-|>", "shrinkA": 0, "shrinkB": 0}
    arrow |= {"ec": color, "fc": color, "lw": width}
    start, end = (END + 0.03, source + 0.5), (MOVING - 0.15, y + 0.5)
    axes.annotate("", end, start, arrowprops=arrow)
    if follows:
        equal = "=" if error < ROUNDING else "≠" if error > 0.01 else "≈"
        middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2 - 0.22
        axes.text(*middle, equal, size=9, weight="bold", color=color, **CENTER)
    if follows and not slots.single:
        for left, edge in ((END - PITCH, source), (MOVING + END - PITCH, y)):
            axes.add_patch(Rectangle((left, edge), 1, 1, fill=False, ec=color, lw=1.6))
    cell = xr.DataArray(image, dims=("row", "column"))
    parts.cell(axes, cell, DIFFERENCE, y, "Reds", high)
    axes.text(DIFFERENCE + PITCH, y + 0.5, parts.short(error), size=6.5, va="center")


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    r"""How far the moving state is from the still one it should equal.

    .. math:: \|\psi_{1-T}(\hat\nu)\, h_T[\psi(\hat\nu) f](\hat\nu) - h_T[f](0)\|
              / \|h_T[f](0)\|

    It is of every model whose V holds the velocity of the input, or only 0: that slot
    is compared with itself.
    """
    for cube in cubes:
        flow = int(cube.attrs["flow_rows"]), int(cube.attrs["flow_columns"])
        for name, about in aggregate.models(cube, baselines=False).items():
            known = [tuple(velocity) for velocity in about["velocities"]]
            slot = (0, 0) if known == [(0, 0)] else flow
            if slot in known:
                errors = _errors(cube["hidden"].sel(model=name), flow, slot)
                quantity = "relative error of the moving state"
                yield over_seeds(cube, about["label"], quantity, errors)


def _errors(
    hidden: xr.DataArray, flow: tuple[int, int], slot: tuple[int, int]
) -> list[float]:
    """The relative error of each seed."""
    last = hidden.isel(frame=-1).transpose("seed", ..., "row", "column")
    rows, columns = slot
    still = last.sel(motion="still", slot_rows=0, slot_columns=0).values
    moving = last.sel(motion="moving", slot_rows=rows, slot_columns=columns).values
    apart = _shifted_back(moving, flow, hidden.sizes["frame"] - 1) - still
    norms = [np.linalg.norm(states, axis=(1, 2)) for states in (apart, still)]
    return [float(difference / norm) for difference, norm in zip(*norms, strict=True)]
