"""Test clips filmed by a camera at rest and by a moving one.

One clip of each class, its name on the left, with the frames that the models see. Left:
the camera is at rest. Right: the same clip at the largest velocity of the test set, by
which the camera moves the picture from frame to frame.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from fernn.drawing import parts
from fernn.drawing.style import PAGE, theme

SHOWS = {"footage": {"statistic": "footage", "draw": "grid"}}
SHOWN = 8  # frames of a strip, at most


@theme
def draw(cubes: Sequence[xr.Dataset]) -> Figure:
    """Strips at rest and at the largest velocity of each cube (the paper's Fig. 10)."""
    panels = [_strips(cube) for cube in cubes]
    rows = sum(len(strips) for strips in panels)
    figure = Figure(figsize=(PAGE, 0.3 * len(cubes) + 0.42 * rows))
    grid = figure.subplots(
        len(cubes), 1, squeeze=False, height_ratios=[len(s) for s in panels]
    )
    for axes, cube, strips in zip(grid[:, 0], cubes, panels, strict=True):
        for top, (_, left, right) in enumerate(strips):
            for place, frame in enumerate((*left, *right)):
                parts.cell(axes, frame, place + (place >= len(left)), top, "gray")
        width = len(strips[0][1])
        axes.set(xlim=(0, 2 * width + 1), ylim=(len(strips), 0), aspect="equal")
        axes.set_yticks(np.arange(len(strips)) + 0.5, [name for name, *_ in strips])
        moving = _velocities(cube)[1]
        told = f"({parts.signed(moving[0])}, {parts.signed(moving[1])}) pixels/frame"
        ticks = [width / 2, 1.5 * width + 1]
        axes.set_xticks(
            ticks, ["camera at rest", f"camera moves the picture by {told}"]
        )
        axes.tick_params(length=0)
        axes.grid(visible=False)
        axes.spines[:].set_visible(False)
        axes.set_title(f"{cube.attrs['title']}: {cube.attrs['source']}")
    return figure


def _velocities(cube: xr.Dataset) -> list[tuple[int, int]]:
    """At rest, and the largest."""
    pairs = zip(
        cube["velocity_rows"].values.tolist(),
        cube["velocity_columns"].values.tolist(),
        strict=True,
    )
    return [(0, 0), max(pairs, key=lambda pair: (abs(pair[0]) + abs(pair[1]), pair))]


def _strips(cube: xr.Dataset) -> list[tuple[str, list, list]]:
    """(class, frames at rest, frames in motion), one of each class there is."""
    classes = json.loads(cube.attrs["classes"])
    rows, columns = cube["velocity_rows"].values, cube["velocity_columns"].values
    both = [
        np.flatnonzero((rows == v[0]) & (columns == v[1])) for v in _velocities(cube)
    ]
    labels, shown = cube["label"].values, {}
    for still, moving in zip(*both, strict=True):
        frames = [
            list(cube["video"].isel(sample=int(place))[:SHOWN])
            for place in (still, moving)
        ]
        shown.setdefault(classes[labels[still]], frames)
    return [(name, *shown[name]) for name in sorted(shown)]
