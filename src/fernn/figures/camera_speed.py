"""Accuracy against the speed of the camera.

Share of test clips whose action is named correctly; clips are of persons never seen in
training. The speed is the larger of the components along rows and columns. Thin lines
are seeds, bold lines their mean. Grey lines without markers: controls, bags of patches
whose counts over all frames are what they classify. Grey band: the speeds of the
training data. Dotted line: chance. A model generalises to faster cameras where its line
outside the band is as high as inside.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fernn.drawing import parts
from fernn.drawing.style import PAGE, Look, looks_of, theme
from fernn.evaluation import aggregate, velocities
from fernn.evaluation.numbers import Number, over_seeds

SHOWS = {"camera": {"statistic": "classification"}}


@theme
def draw(cubes: Sequence[xr.Dataset]) -> Figure:
    """A panel for each `camera` cube (the paper's Fig. 6)."""
    rows = -(-len(cubes) // 2)
    figure = Figure(figsize=(PAGE, 0.5 + 2.2 * rows))
    grid = figure.subplots(rows, min(2, len(cubes)), squeeze=False, sharey=True)
    looks = looks_of(cubes)
    for axes, cube in zip(grid.flat, cubes, strict=False):
        _panel(axes, cube, looks)
    for axes in grid.flat[len(cubes) :]:
        axes.set_axis_off()
    parts.legend_of(figure, grid.flat, f"bold: mean, {parts.seeds(cubes)}")
    return figure


def _panel(axes: Axes, cube: xr.Dataset, looks: dict[str, Look]) -> None:
    speed = velocities.speed(cube)
    speeds = np.unique(speed)
    for name, about in aggregate.models(cube).items():
        correct = cube["correct"].sel(model=name).transpose("seed", "sample").values
        shares = np.stack([correct[:, speed == at].mean(1) for at in speeds], axis=-1)
        look = looks[name]
        style: dict[str, Any] = {"color": look.color, "linestyle": look.linestyle}
        axes.plot(speeds, shares.T, color=look.color, linewidth=0.5, alpha=0.5)
        style |= {"linewidth": 1.0} if about.get("control") else {"marker": look.marker}
        axes.plot(speeds, shares.mean(0), label=look.label, **style)
    classes = json.loads(cube.attrs["classes"])
    axes.axhline(1 / len(classes), color="0.45", linestyle=":", linewidth=0.8)
    axes.axvspan(-0.25, int(cube.attrs["max_speed"]) + 0.25, color="0.92", zorder=0)
    axes.set(xlabel="camera speed (pixels/frame)", ylabel="accuracy", ylim=(0, 1.03))
    axes.set_title(f"{parts.title(cube)}: {cube.attrs['source']}", fontsize=6.5)


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """The accuracy of every model under cameras faster than in training, if any are."""
    for cube in cubes:
        faster = velocities.speed(cube) > int(cube.attrs["max_speed"])
        if not faster.any():
            continue
        correct = cube["correct"].transpose("model", "seed", "sample")
        for name, about in aggregate.models(cube).items():
            values = correct.sel(model=name).values[:, faster].mean(1)
            quantity = "test accuracy, cameras faster than in training"
            yield over_seeds(cube, about["label"], quantity, values)
