"""The world, the window, and what each model believes about what it cannot see.

First row: the world, and in it the window (outlined), which moves with the agent.
Below: what each model believes of the whole world (first seed) after it has observed
the frames up to 0. It is told the agent's steps, and sees nothing more. A model without
a map believes nothing outside of the window (grey). Numbers above the columns are
frames relative to the last observed one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from fernn.drawing import parts
from fernn.drawing.style import PAGE, looks_of, theme
from fernn.evaluation import aggregate

SHOWS = {"beliefs": {"statistic": "beliefs"}}
SAMPLES = 2  # shown at most, of each cube
OBSERVED = 3  # of the frames before the forecast
MULTIPLES = (0, 1, 3, 7)  # shown predicted frames, in trained horizons
GAP, SPLIT, MARGIN = 0.12, 0.35, 1.4  # between cells and groups, for words, in cells
WINDOW = "#E69F00"


@theme
def draw(cubes: Sequence[xr.Dataset]) -> Figure:
    """A block of strips for each of the first samples of each `beliefs` cube."""
    blocks = [
        (f"{parts.title(cube)}, sequence {sample}", cube.isel(sample=sample, seed=0))
        for cube in cubes
        for sample in range(min(SAMPLES, cube.sizes["sample"]))
    ]
    columns = min(2, len(blocks))
    sizes = [_extent(block) for _, block in blocks]
    width = PAGE / columns
    height = max(width * tall / wide for wide, tall in sizes) + 0.35
    rows = -(-len(blocks) // columns)
    figure = Figure(figsize=(PAGE, rows * height))
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid:
        axes.axis("off")
    for axes, (title, block), (wide, tall) in zip(grid, blocks, sizes, strict=False):
        axes.set_title(title)
        _block(axes, block)
        axes.set(xlim=(-MARGIN, wide - MARGIN), ylim=(tall - 0.6, -0.6), aspect="equal")
    return figure


def frames_shown(block: xr.Dataset) -> tuple[list[int], list[int]]:
    """The observed and the predicted frames that get a column."""
    frames = block["frame"].values
    horizon, last = int(block.attrs["horizon"]), int(frames.max())
    wanted = {min(last, max(1, multiple * horizon)) for multiple in MULTIPLES}
    return sorted(frames[frames <= 0][-OBSERVED:].tolist()), sorted(wanted)


def _extent(block: xr.Dataset) -> tuple[float, float]:
    """Width and height of a block, in cells."""
    columns = sum(len(frames) for frames in frames_shown(block))
    rows = 1 + len(aggregate.models(block))
    return MARGIN + columns * (1 + GAP) + SPLIT, rows * (1 + GAP) + 0.6


def _block(axes: Axes, block: xr.Dataset) -> None:
    strips = [("world", "black", block["truth"])]
    for name, look in looks_of([block]).items():
        strips.append((look.label, look.color, block["belief"].sel(model=name)))
    corner = block["corner"]
    if "model" in corner.dims:
        corner = corner.isel(model=0)
    left, forecast = 0.0, 0.0
    for frames in frames_shown(block):
        for frame in frames:
            number = parts.signed(frame)
            axes.text(left + 0.5, -0.08, number, ha="center", size=5.5, color="0.45")
            place = corner.sel(frame=frame).values
            for row, (_, _, strip) in enumerate(strips):
                if frame > 0 or row == 0:
                    _cell(axes, strip.sel(frame=frame), left, row * (1 + GAP))
            _window(axes, place, block, left)
            left += 1 + GAP
        left += SPLIT
        forecast = forecast or left
    for row, (label, color, _) in enumerate(strips):
        x, y = (forecast if row else 0) - 0.15, row * (1 + GAP) + 0.5
        axes.text(x, y, label, color=color, ha="right", va="center", size=6.5)


def _cell(axes: Axes, image: xr.DataArray, left: float, top: float) -> None:
    """A picture; what a model says nothing of is grey."""
    axes.add_patch(Rectangle((left, top), 1, 1, color="0.75", linewidth=0, zorder=0))
    parts.cell(axes, image, left, top, "gray")


def _window(axes: Axes, corner: np.ndarray, block: xr.Dataset, left: float) -> None:
    """The window's outline in the world, a torus: parts may lie beyond a border."""
    side, size = block.sizes["row"], int(block.attrs["frame_size"])
    inside = (np.arange(side) - corner[:, None]) % side < size
    mask = inside[0][:, None] & inside[1]
    parts.outline(axes, mask, [(WINDOW, 0.9, "solid")], left, 1 / side)
