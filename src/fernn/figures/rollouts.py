"""Forecasts of test sequences, frame by frame.

The first strip has the last observed frames and the true future. Below it are the
forecasts of the baselines, then each model's forecast (first seed) and under it its
absolute error, from white, 0, to dark red, 1. Numbers above the columns are frames
relative to the last observed one, which is 0. *As in training*: up to the longest
roll-out of the training; *beyond*: longer ones.
"""

from __future__ import annotations

from collections.abc import Sequence

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fernn.drawing import parts
from fernn.drawing.style import PAGE, looks_of, theme
from fernn.evaluation import aggregate

SHOWS = {"rollouts": {"statistic": "frames"}}
LETTERS = 44  # of a line of a title
SAMPLES = 2  # shown at most, of each cube
OBSERVED = 3  # of the frames before the forecast
MULTIPLES = (0, 0.5, 1, 2, 4, 7, 14)  # shown frames, in trained horizons
GAP = 0.12  # between cells, in cells
SPLIT = 0.35  # between groups of columns, in cells
MARGIN = 1.1  # for the words on the left, in cells
FAINT = "0.45"


@theme
def draw(cubes: Sequence[xr.Dataset]) -> Figure:
    """A block of strips for each of the first samples of each `rollouts` cube."""
    blocks, titles = [], []
    for cube in cubes:
        for sample in range(min(SAMPLES, cube.sizes["sample"])):
            blocks.append(cube.isel(sample=sample, seed=0))
            title = f"{parts.title(cube)}, sequence {sample}"
            titles.append(parts.wrapped(title, LETTERS))
    columns = min(2, len(blocks))
    rows = -(-len(blocks) // columns)
    sizes = [_extent(block) for block in blocks]
    width = PAGE / 2
    height = max(width * tall / wide for wide, tall in sizes) + 0.35
    figure = Figure(figsize=(columns * width, rows * height))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    panels = zip(grid, titles, blocks, sizes, strict=False)
    for axes, title, block, (wide, tall) in panels:
        axes.set_title(title)
        _block(axes, block)
        axes.set(xlim=(-MARGIN, wide - MARGIN), ylim=(tall - 1, -1), aspect="equal")
    return figure


def frames_shown(block: xr.Dataset) -> tuple[list[int], list[int]]:
    """The observed and the predicted frames that get a column."""
    frames = block["frame"].values
    horizon, last = int(block.attrs["horizon"]), int(frames.max())
    wanted = {min(last, max(1, round(multiple * horizon))) for multiple in MULTIPLES}
    if last <= len(MULTIPLES):
        wanted = set(range(1, last + 1))
    return sorted(frames[frames <= 0][-OBSERVED:].tolist()), sorted(wanted)


def _groups(block: xr.Dataset) -> list[tuple[str, list[int]]]:
    """The columns in three groups, each with its heading."""
    observed, predicted = frames_shown(block)
    longest = int(max(block.attrs["horizon"], block.attrs["long_horizon"]))
    near = [frame for frame in predicted if frame <= longest]
    far = [frame for frame in predicted if frame > longest]
    named = [("observed", observed), ("as in training", near), ("beyond", far)]
    return [(name, frames) for name, frames in named if frames]


def _extent(block: xr.Dataset) -> tuple[float, float]:
    """Width and height of a block, in cells."""
    groups = _groups(block)
    columns = sum(len(frames) for _, frames in groups)
    copies = len(aggregate.models(block)) - len(aggregate.models(block, False))
    rows = 1 + copies + 2 * len(aggregate.models(block, baselines=False))
    wide = MARGIN + columns * (1 + GAP) + (len(groups) - 1) * SPLIT
    return wide, rows * (1 + GAP) + 1


def _block(axes: Axes, block: xr.Dataset) -> None:
    strips = [("truth", "black", block["truth"], "gray")]
    looks = looks_of([block])
    for name in sorted(looks, key=lambda each: not looks[each].baseline):
        prediction, look = block["prediction"].sel(model=name), looks[name]
        strips.append((look.label, look.color, prediction, "gray"))
        if not look.baseline:
            error = abs(prediction - block["truth"])
            strips.append(("error", FAINT, error, "Reds"))
    left = 0.0
    for heading, frames in _groups(block):
        width = len(frames) * (1 + GAP) - GAP
        axes.text(left + width / 2, -0.5, heading, ha="center", va="bottom", size=6)
        for frame in frames:
            number = parts.signed(frame)
            axes.text(left + 0.5, -0.1, number, ha="center", size=5.5, color=FAINT)
            for row, (_, _, strip, cmap) in enumerate(strips):
                if frame > 0 or row == 0:
                    image = strip.sel(frame=frame)
                    parts.cell(axes, image, left, row * (1 + GAP), cmap)
            left += 1 + GAP
        left += SPLIT
        if heading == "observed":
            forecast = left
    axes.text(-0.15, -0.1, "frame", ha="right", size=5.5, color=FAINT)
    for row, (label, color, _, _) in enumerate(strips):
        x, y = (forecast if row else 0) - 0.15, row * (1 + GAP) + 0.5
        axes.text(x, y, label, color=color, ha="right", va="center", size=6.5)
