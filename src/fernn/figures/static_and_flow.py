"""A static transformation and a flow of one test digit.

Top: the digit at rest. Middle: transformed statically, every frame is moved by the same
g. Bottom: under a flow ψ with velocity ν̂, frame t is moved by ψ_t(ν̂), that is t times
as far as by ψ_1(ν̂), and frame 0 not at all. Here g = ψ_T(ν̂) for the last frame T, in
which the two rows agree. Outlines show where the frame above has the digit. The frame
is a torus, turned so that the path is in the middle.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fernn.drawing import parts
from fernn.drawing.style import PAGE, theme

SHOWS = {"hidden_state": {"statistic": "hidden_state", "unit": "pixels"}}
PITCH = 1.08  # from cell to cell, in cells
LEFT, ABOVE = 1.75, 0.25  # margins, in cells
FRAMES = 6  # shown at most
COLOR = "#E69F00"
FAINT = "0.45"
MOTIONS = ("still", "moving")
INK = 0.35  # of the outline


@theme
def draw(cubes: Sequence[xr.Dataset]) -> Figure:
    """Three strips for each `hidden_state` cube (the paper's Fig. 1)."""
    shown = [_frames(cube) for cube in cubes]
    tall, wide = ABOVE + 3 * PITCH, LEFT + max(map(len, shown)) * PITCH
    inches = PAGE * tall / wide + 0.25
    figure = Figure(figsize=(PAGE, len(cubes) * inches))
    grid = figure.subplots(len(cubes), squeeze=False).ravel()
    for axes, cube, times in zip(grid, cubes, shown, strict=True):
        axes.axis("off")
        axes.set_title(parts.title(cube))
        _strips(axes, cube, times)
        axes.set(xlim=(-LEFT, wide - LEFT), ylim=(tall - ABOVE, -ABOVE))
        axes.set_aspect("equal")
    return figure


def _frames(cube: xr.Dataset) -> np.ndarray:
    """The times that are shown, from 0 to the last, evenly."""
    count = cube.sizes["frame"]
    return np.unique(np.linspace(0, count - 1, min(FRAMES, count)).round()).astype(int)


def _strips(axes: Axes, cube: xr.Dataset, times: np.ndarray) -> None:
    velocity = int(cube.attrs["flow_rows"]), int(cube.attrs["flow_columns"])
    whole = [int(times[-1]) * part for part in velocity]
    flow, shift = (", ".join(map(parts.signed, v)) for v in (velocity, whole))
    video = cube["video"].transpose("motion", "frame", "row", "column")
    still, moving = (_turned(video, name, whole)[times] for name in MOTIONS)
    static = np.roll(still, whole, axis=(1, 2))
    names = (
        "a video  $f$",
        f"static  $g \\cdot f$\n$g$ = ({shift}) pixels",
        f"flow  $\\psi(\\hat{{\\nu}}) \\cdot f$\nν̂ = ({flow}) pixel/frame",
    )
    label: dict[str, Any] = {"ha": "right", "va": "center", "linespacing": 1.5}
    text: dict[str, Any] = {"size": 6, "color": FAINT, "ha": "center"}
    for row, (name, strip) in enumerate(
        zip(names, (still, static, moving), strict=True)
    ):
        axes.text(-0.15, row * PITCH + 0.5, name, **label)
        for column, frame in enumerate(strip):
            corner = column * PITCH, row * PITCH
            image = xr.DataArray(frame, dims=("row", "column"))
            parts.cell(axes, image, *corner, "gray")
            if row:
                _outline(axes, still[column], corner)
    for column, time in enumerate(times):
        axes.text(column * PITCH + 0.5, -0.09, f"t = {time}", **text)


def _turned(video: xr.DataArray, motion: str, whole: Sequence[int]) -> np.ndarray:
    """A video on the torus, turned to have the middle of the path in the middle."""
    start = _center(video.sel(motion="still")[0].values)
    ends = zip(video.shape[2:], start, whole, strict=True)
    turn = [round(size / 2 - middle - way / 2) for size, middle, way in ends]
    return np.roll(video.sel(motion=motion).values, turn, axis=(1, 2))


def _outline(axes: Axes, frame: np.ndarray, corner: tuple[float, float]) -> None:
    """Where a frame has its ink."""
    pixels = [(np.arange(size) + 0.5) / size for size in frame.shape]
    style: dict[str, Any] = {"colors": COLOR, "linewidths": 0.9, "levels": [INK]}
    axes.contour(corner[0] + pixels[1], corner[1] + pixels[0], frame, **style)


def _center(frame: np.ndarray) -> list[float]:
    """Row and column of the middle of the ink on the torus, in pixels."""
    found = []
    for axis in (1, 0):
        ink = frame.sum(axis)
        angle = 2 * np.pi * (np.arange(len(ink)) + 0.5) / len(ink)
        middle = np.angle((ink * np.exp(1j * angle)).sum()) % (2 * np.pi)
        found.append(float(middle) * len(ink) / (2 * np.pi))
    return found
