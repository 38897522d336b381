"""Error of each predicted frame, all models of an experiment in one panel.

Mean squared error of predictions clipped to [0, 1], over test sequences, the geometric
mean over seeds, on a logarithmic axis that all panels share. Titles tell what models
were trained on and what they share. Vertical lines: the trained horizon, and the
longest roll-out of the training. Grey lines: baselines, which are not trained. Errors
of exactly 0 have no place on the axis. Intervals over seeds are in the table
`leaderboard_tests`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fernn.drawing import parts
from fernn.drawing.style import PAGE, Look, looks_of, theme
from fernn.evaluation import aggregate
from fernn.evaluation.errors import clipped

SHOWS = {"length": {"statistic": "squared_error", "draw": "sampled", "longer": True}}
ONLY_LISTED = True
COLUMNS = 2  # of panels: a dozen lines need room
ROOM = 5.0  # times the largest error, for the notes of the vertical lines


@theme
def draw(cubes: Sequence[xr.Dataset]) -> Figure:
    """A panel for each cube."""
    rows = -(-len(cubes) // COLUMNS)
    figure = Figure(figsize=(PAGE, 0.5 + 2.2 * rows))
    panels = figure.subplots(rows, COLUMNS, sharey=True, squeeze=False).ravel()
    for empty in panels[len(cubes) :]:
        empty.remove()
    looks = looks_of(cubes)
    for place, (axes, cube) in enumerate(zip(panels, cubes, strict=False)):
        for name in aggregate.models(cube):
            _line(axes, cube, name, looks[name])
        _label(axes, cube)
        if place % COLUMNS == 0:
            axes.set_ylabel("error (MSE, clipped)")
    low, high = panels[0].get_ylim()
    panels[0].set_ylim(low, high * ROOM)
    parts.legend_of(figure, panels[: len(cubes)], parts.seeds(cubes))
    return figure


def _line(axes: Axes, cube: xr.Dataset, name: str, look: Look) -> None:
    means = clipped(cube, name).mean("sample")
    error = aggregate.geometric_mean(means)
    axes.plot(
        error["frame"],
        error.where((error > 0) & np.isfinite(error)),
        color=look.color,
        linestyle=look.linestyle,
        linewidth=1.0,
        marker=look.marker,
        markersize=2.5,
        markevery=max(1, error.size // 7),
        label=look.label,
    )


def _label(axes: Axes, cube: xr.Dataset) -> None:
    axes.set(yscale="log", title=parts.title(cube), xlabel="predicted frame")
    axes.set_xlim(0, int(cube["frame"].max()) + 1)
    horizon, longest = int(cube.attrs["horizon"]), int(cube.attrs["long_horizon"])
    parts.mark(axes, horizon, "trained\nhorizon")
    if horizon < longest <= int(cube["frame"].max()):
        parts.mark(axes, longest, "longest\nin training")
