"""The error of a pixel against the time since what it shows was last seen.

Left, pixels of a digit: the time since that point of the digit was in the window.
Right, all others: since that place of the world was. Only observed frames count. The
points at the right end are of what was never seen. Mean squared error of predictions
clipped to [0, 1], the geometric mean over seeds; bands are 95 % intervals over seeds. A
model remembers as long as its curve stays below its point of *never*.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fernn.drawing import parts
from fernn.drawing.style import PAGE, Look, looks_of, theme
from fernn.evaluation import aggregate

SHOWS = {"last_seen": {"statistic": "last_seen"}}
FEWEST = 30  # pixels of an age that is drawn
TITLES = {"digit": "pixels of digits", "background": "other pixels"}


@theme
def draw(cubes: Sequence[xr.Dataset]) -> Figure:
    """A row of two panels for each `last_seen` cube."""
    figure = Figure(figsize=(PAGE, 0.5 + 2.3 * len(cubes)))
    grid = figure.subplots(len(cubes), len(TITLES), squeeze=False, sharex="row")
    looks = looks_of(cubes)
    for row, cube in zip(grid, cubes, strict=True):
        for axes, (shows, title) in zip(row, TITLES.items(), strict=True):
            for name in aggregate.models(cube):
                _line(axes, cube.sel(shows=shows, model=name), looks[name])
            axes.set(yscale="log", title=title, xlabel="frames since it was last seen")
            parts.mark(axes, _beyond(cube) - 2, "never\nseen")
        row[0].set_ylabel(f"error (MSE, clipped)\n{parts.title(cube)}")
    parts.legend_of(figure, grid.ravel(), parts.seeds(cubes))
    return figure


def _beyond(cube: xr.Dataset) -> int:
    """Where what was never seen is drawn: beyond all ages."""
    return int(cube["age"].max()) + 4


def _line(axes: Axes, cube: xr.Dataset, look: Look) -> None:
    many = cube["pixels"].isel(seed=0) >= FEWEST
    error = cube["squared_error"].transpose("seed", "age")
    error = error.where((error > 0) & np.isfinite(error))
    mean = aggregate.geometric_mean(error).where(many)
    low, high = (each.where(many) for each in aggregate.geometric_interval(error))
    style: dict[str, Any] = {
        "color": look.color,
        "linestyle": look.linestyle,
        "linewidth": 1.0,
    }
    known, never = mean.sel(age=slice(1, None)), mean.sel(age=slice(None, 0))
    axes.plot(known["age"], known, label=look.label, **style)
    if not look.baseline:
        bottom, top = (each.sel(age=slice(1, None)) for each in (low, high))
        style = {"color": look.color, "alpha": 0.15, "linewidth": 0}
        axes.fill_between(known["age"], bottom, top, **style)
    dot: dict[str, Any] = {
        "color": look.color,
        "marker": look.marker or "_",
        "markersize": 4,
    }
    axes.plot([_beyond(cube)], never, linestyle="none", **dot)
