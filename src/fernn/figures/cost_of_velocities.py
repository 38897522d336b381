"""Time and memory of a training step against the number of velocities.

V are the velocities that a model keeps a state for; here V is a square of velocities,
and V = {0} is the G-RNN. `auto` is the implementation that the library chooses, `naive`
a loop over the velocities. Times are of the processor, on one thread. Dots are rounds,
in which all took turns, lines go through the medians; at the end of each is how many
times as much the largest V costs as V = {0}. Memory is what the steps add to a fresh
process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fernn.drawing import parts
from fernn.drawing.style import PAGE, theme
from fernn.evaluation.numbers import Number, over_seeds

SHOWS = {"velocities": {"measurement": "velocities"}}
COLORS = {"auto": "#0072B2", "naive": "#D55E00"}
# A step of the FERNN over one of the G-RNN, in the paper's own loop over V; of which V
# and on which machine is not known.
SLOWDOWN = 30.0
SOURCE = (
    "Published: T. A. Keller, arXiv 2507.14793, about its own implementation, a plain"
    " loop: about 30 times slower than the G-RNN (V and sizes unknown)."
)
PANELS = (("step_time", "time of a training step (ms)"), ("memory", "memory (MiB)"))


@theme
def draw(cubes: Sequence[xr.Dataset]) -> Figure:
    """Two panels for each cube of the measurement (the paper's Fig. 11)."""
    figure = Figure(figsize=(PAGE, 0.35 + 2.3 * len(cubes)))
    grid = figure.subplots(len(cubes), len(PANELS), squeeze=False)
    for row, cube in zip(grid, cubes, strict=True):
        for axes, (name, label) in zip(row, PANELS, strict=True):
            for form in cube["form"].values.tolist():
                _line(axes, cube[name].sel(form=form), form)
            slots = cube["velocities"].values
            axes.set(xlabel="number of velocities |V|", ylabel=label, xticks=slots)
            axes.set(xlim=(0, 1.1 * slots.max()), ylim=(0, None))
        row[0].set_title(f"frames {cube.attrs['size']}")
        row[1].set_title(f"{cube.sizes['round']} rounds of time, one of memory")
    handles, labels = grid[0, 0].get_legend_handles_labels()
    parts.legend(figure, handles, labels)
    return figure


def _line(axes: Axes, values: xr.DataArray, form: str) -> None:
    """The rounds of one form, and a line through their medians."""
    slots = values["velocities"].values
    rounds = values.transpose("velocities", ...).values.reshape(len(slots), -1)
    middle = np.median(rounds, axis=1)
    style: dict[str, Any] = {"color": COLORS.get(form, "0.4")}
    end = slots[-1], middle[-1]
    axes.plot(slots, rounds, ".", markersize=3, alpha=0.5, **style)
    axes.plot(slots, middle, label=form, linewidth=1.2, **style)
    place: dict[str, Any] = {"textcoords": "offset points", "xytext": (3, 0)}
    times = f"{parts.short(middle[-1] / middle[0])}×"
    axes.annotate(times, end, va="center", size=6.5, **place, **style)


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """The ratio of times of every V to those of V = {0}, in every form.

    In place of seeds there are the rounds of the measurement.
    """
    for cube in cubes:
        seconds = cube["step_time"].transpose("form", "velocities", "round")
        for form in cube["form"].values.tolist():
            times = seconds.sel(form=form)
            for slots in cube["velocities"].values[1:].tolist():
                ratio = times.sel(velocities=slots) / times.sel(velocities=1)
                quantity = f"time of a step, |V| = {slots} over |V| = 1 (rounds)"
                number = over_seeds(cube, form, quantity, ratio.values)
                if form == "naive":
                    why = "not comparable: another machine and size"
                    number = replace(number, published_mean=SLOWDOWN, verdict=why)
                yield number
