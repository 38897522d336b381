"""Forecasting error at each velocity of a test digit.

Of several digits in a sequence, one has this velocity and the others move as in
training; where a row's title says *all digits alike*, as in the authors' test, all have
it, and the control that moves the whole frame by the shift of the last two is exact.
White outline: the velocities of the training data. Dashed outline: V, the velocities
that the model keeps a state for. The error is the mean squared error over sequences,
the frames of the trained horizon, and seeds, in thousandths; ∞ where a seed diverged. A
model generalises to velocities that it never saw where cells between the two outlines
are as light as those inside the white one. Hatched: velocities at which a control, a
copy of the last frame that is not told the velocity, forecasts as well as the model.
Below a map: means over the velocities
*seen* in training, those *unseen* but in V, and those *outside* both, and in brackets
the same of predictions clipped to [0, 1]. Marks beside the colour bar are the errors of
the baselines in the legend, averaged over all velocities of the first row's test set.
The rows' titles tell how models were trained: by the paper's protocol, *published*, or
ours, *exact*.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

from fernn.drawing import parts
from fernn.drawing.style import PAGE, looks_of, theme
from fernn.evaluation import aggregate, velocities
from fernn.evaluation.errors import QUANTITIES, Measure, by_class, clipped, raw
from fernn.evaluation.numbers import Number, over_seeds

SHOWS = {"velocity": {"statistic": "squared_error", "draw": "grid", "unit": "pixels"}}
WORDS = {
    "seen": "velocities of training",
    "unseen": "velocities unseen, in V",
    "outside": "velocities unseen, not in V",
}
CMAP = "crest"  # light is good
UNIT = 1e-3  # of the printed errors
MARK: dict[str, Any] = {
    "color": "black",
    "marker": ">",
    "markersize": 4,
    "linestyle": "none",
}
FACES = ("black", "white", "0.6")  # of marks
ACROSS = 4  # maps beside each other
LEGIBLE = 7  # cells a side up to which the values are printed
TRAINED = (("black", 2.8, "solid"), ("white", 1.6, "solid"))  # cased in black
MODEL = (("#D41159", 1.3, (0, (3, 1.5))),)


@theme
def draw(cubes: Sequence[xr.Dataset]) -> Figure:
    """A row of heat maps for each `velocity` cube (the paper's Fig. 5), one a model.

    Of many models, it is several rows.
    """
    grids = [error_grid(cube) for cube in cubes]
    looks = looks_of(cubes, baselines=False)
    levels = _baselines(cubes[0], grids[0])
    norm = _norm(grids, looks, [*levels.values()])
    lines = math.ceil(len(looks) / ACROSS)
    figure = Figure(figsize=(PAGE, 0.7 + 2.0 * len(cubes) * lines))
    panels = figure.subplots(len(cubes) * lines, min(len(looks), ACROSS), squeeze=False)
    blocks = np.split(panels, len(cubes))
    hatched = [
        _maps(block, cube, grid, looks, norm)
        for block, cube, grid in zip(blocks, cubes, grids, strict=True)
    ]
    for block in blocks if lines > 1 else blocks[:1]:
        for axes, look in zip(block.flat, looks.values(), strict=False):
            axes.set_title(look.label, color=look.color)
    for axes in panels[-1]:
        axes.set_xlabel(f"columns (pixel/frame)\n{axes.get_xlabel()}")
    _colorbar(figure, panels, norm, [*levels.values()], aspect=25 * lines)
    _legend(figure, [*levels], any(hatched))
    return figure


def _maps(
    block: np.ndarray, cube: xr.Dataset, grid: xr.DataArray, looks: dict, norm: LogNorm
) -> bool:
    """The maps of a cube; whether one of them is hatched."""
    shown, hatched = aggregate.models(cube, baselines=False), False
    for axes, name in itertools.zip_longest(block.flat, looks):
        if name not in shown:
            axes.axis("off")
            continue
        _heat_map(axes, grid.sel(model=name), norm)
        _outlines(axes, grid, cube, shown[name]["velocities"])
        beaten = _beaten(cube, grid, name)
        parts.hatch(axes, beaten)
        hatched |= bool(beaten.any())
        axes.set_xlabel(_summary(cube, name, shown[name]), size=6)
    heading = parts.wrapped(parts.title(cube), 32)
    alike = "\nall digits alike" if velocities.shared(cube) else ""
    block[0, 0].set_ylabel(f"{heading}{alike}\nrows (pixel/frame)")
    return hatched


def error_grid(cube: xr.Dataset) -> xr.DataArray:
    """Error (model, velocity_rows, velocity_columns), in thousandths."""
    error = aggregate.trained_frames(cube)["squared_error"] / UNIT
    return velocities.by_velocity(cube, aggregate.worst(error).mean(["seed", "frame"]))


def _summary(cube: xr.Dataset, name: str, about: dict) -> str:
    """The error over each class of velocities, and in brackets of clipped forecasts."""
    both = [_by_class(cube, name, about, measure) for measure in (raw, clipped)]
    means = {
        kind: [parts.short(float(error[kind].mean()) / UNIT) for error in both]
        for kind in both[0]
    }
    told = [f"{kind} {one} ({other})" for kind, (one, other) in means.items()]
    return "\n".join(filter(None, (", ".join(told[:2]), ", ".join(told[2:]))))


def _by_class(
    cube: xr.Dataset, name: str, about: dict, measure: Measure
) -> dict[str, np.ndarray]:
    """The error of each seed for each class of velocities that there is."""
    error = measure(aggregate.trained_frames(cube), name).mean("frame")
    found = by_class(cube, error.transpose("seed", "sample"), about)
    return {kind: seeds for kind, seeds in found.items() if not np.isnan(seeds).any()}


def _baselines(cube: xr.Dataset, grid: xr.DataArray) -> dict[str, float]:
    """The error over all velocities of each drawn baseline, by its label.

    Without those that are exact, for which a logarithmic scale has no place.
    """
    found = {
        about["label"]: float(grid.sel(model=name).mean())
        for name, about in aggregate.models(cube).items()
        if about["role"] == "baseline" and about["drawn"]
    }
    return {label: level for label, level in found.items() if level}


def _beaten(cube: xr.Dataset, grid: xr.DataArray, name: str) -> np.ndarray:
    """Where a control's error is no larger than a model's, (row, column)."""
    own = grid.sel(model=name).values
    controls = [
        grid.sel(model=other).values <= own
        for other, about in aggregate.models(cube).items()
        if about["role"] == "baseline" and not about["oracle"]
    ]
    return np.any(controls, axis=0) if controls else np.zeros(own.shape, bool)


def _norm(
    grids: Sequence[xr.DataArray], looks: dict, levels: Sequence[float]
) -> LogNorm:
    names = list(looks)
    values = [grid.sel(model=grid["model"].isin(names)).values for grid in grids]
    every = np.concatenate([*(value.ravel() for value in values), levels])
    every = every[np.isfinite(every) & (every > 0)]
    return LogNorm(every.min(), every.max()) if every.size else LogNorm(1, 10)


def _heat_map(axes: Axes, error: xr.DataArray, norm: LogNorm) -> None:
    rows, columns = error["velocity_rows"].values, error["velocity_columns"].values
    legible = max(error.shape) <= LEGIBLE
    import seaborn  # a check of the configuration does without its second

    text = np.vectorize(parts.short)(error.values)
    seaborn.heatmap(
        error.values,
        ax=axes,
        norm=norm,
        cmap=CMAP,
        cbar=False,
        square=True,
        annot=text if legible else None,
        fmt="",
        annot_kws={"size": 6},
        linewidths=0.4,
        xticklabels=[parts.signed(value) for value in columns],
        yticklabels=[parts.signed(value) for value in rows],
    )
    axes.tick_params(length=0, rotation=0)
    axes.set_facecolor("0.85")
    axes.grid(False)
    for row, column in np.argwhere(np.isinf(error.values)):  # a seed diverged
        axes.text(column + 0.5, row + 0.5, "∞", ha="center", va="center")


def _outlines(axes: Axes, grid: xr.DataArray, cube: xr.Dataset, known) -> None:
    sides = grid["velocity_rows"].values, grid["velocity_columns"].values
    size = int(cube.attrs["frame_size"])
    trained = velocities.trained(cube)
    for cells, strokes in ((trained, TRAINED), (known, MODEL)):
        mask = velocities.mask(sides, cells, size)
        parts.outline(axes, mask, strokes)


def _colorbar(
    figure: Figure, panels, norm: LogNorm, levels: Sequence[float], aspect: float
) -> None:
    label = "error (MSE) × 10³"
    scale = ScalarMappable(norm, CMAP)
    bar = figure.colorbar(scale, ax=panels, pad=0.025, aspect=aspect, label=label)
    bar.ax.yaxis.set_major_locator(LogLocator(subs=(1, 1.5, 2, 3, 5, 7)))
    bar.ax.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    bar.ax.yaxis.set_minor_formatter(NullFormatter())
    bar.outline.set_visible(False)
    style = {"transform": bar.ax.get_yaxis_transform(), "clip_on": False, **MARK}
    for level, face in zip(levels, itertools.cycle(FACES), strict=False):
        bar.ax.plot([-0.45], [level], markerfacecolor=face, **style)


def _legend(figure: Figure, baselines: Sequence[str], beaten: bool) -> None:
    styles = {"velocities in training": TRAINED, "velocities V of the model": MODEL}
    handles, labels = [], [*styles]
    for strokes in styles.values():
        lines = [
            Line2D([], [], color=color, linewidth=width, linestyle=line)
            for color, width, line in strokes
        ]
        handles.append(tuple(lines))
    if beaten:
        handles.append(Patch(**parts.HATCH))
        labels.append("a copy is as good")
    for label, face in zip(baselines, itertools.cycle(FACES), strict=False):
        handles.append(Line2D([], [], markerfacecolor=face, **MARK))
        labels.append(label)
    note = "below a map: mean error × 10³, in brackets of clipped predictions"
    parts.legend(figure, handles, labels, note)


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """The errors of every model for each class of velocities that it has."""
    for cube in cubes:
        for name, about in aggregate.models(cube, baselines=False).items():
            for quantity, measure in QUANTITIES.items():
                for kind, values in _by_class(cube, name, about, measure).items():
                    words = f"{quantity}, {WORDS[kind]}"
                    yield over_seeds(cube, about["label"], words, values)
