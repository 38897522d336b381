"""Error of flow equivariance, of hidden states and of forecasts, by speed of the flow.

V are the velocities that a model keeps a state for; the state of one velocity is a
slot. A dot is one flow ν̂ of the input, a bar with a number the median over the flows
of one speed. Full dots: ν̂ is in V; open dots: it is not. Left: the hidden state of the
flowed input against the flowed and permuted hidden state, in the worst slot ν for which
ν and ν − ν̂ are both in V; grey: up to 1e-6, the range of rounding. Right: the forecast
of the flowed input against the flowed forecast, median over frames; the forecast pools
all slots, and under a flow some of them have no partner in a finite V. Errors are
relative (L2); an exact 0 is drawn at the lower end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from fernn.drawing import parts
from fernn.drawing.style import PAGE, Look, looks_of, theme
from fernn.evaluation import aggregate, velocities

SHOWS = {"equivariance": {"statistic": "equivariance_error", "unit": "pixels"}}
FLOOR = 1e-18  # an error of exactly 0 is drawn here
ROUNDING = 1e-6  # relative errors up to this are rounding, of float32 or float64
ROOM = 0.75  # over which the dots of one speed are spread, in speeds


@theme
def draw(cubes: Sequence[xr.Dataset]) -> Figure:
    """A row of two panels for each `equivariance` cube."""
    figure = Figure(figsize=(PAGE, 0.4 + 2.2 * len(cubes)))
    grid = figure.subplots(len(cubes), 2, squeeze=False)
    looks = looks_of(cubes, baselines=False)
    for row, cube in zip(grid, cubes, strict=True):
        slot = aggregate.median(cube["slot_error"], ["seed"])
        slot = slot.where(np.isfinite(slot)).max(["slot_rows", "slot_columns"])
        output = aggregate.median(cube["output_error"], ["frame", "seed"])
        for axes, error in zip(row, (slot, output), strict=True):
            _panel(axes, cube, error, looks)
        row[0].set_title(f"hidden state, slot by slot\n{parts.title(cube)}")
        row[1].set_title(f"forecast, after pooling over V\n{parts.title(cube)}")
        row[0].set_ylabel("relative error (L2)")
        _zero(row[0])
    _legend(figure, looks, cubes)
    return figure


def _panel(axes: Axes, cube: xr.Dataset, error: xr.DataArray, looks: dict) -> None:
    rows, columns = error["flow_rows"].values, error["flow_columns"].values
    speed = np.maximum(abs(rows[:, None]), abs(columns[None, :]))
    about = aggregate.models(cube, baselines=False)
    size = int(cube.attrs["frame_size"])
    width = ROOM / len(about)
    for place, name in enumerate(about):
        cells = about[name]["velocities"]
        inside = velocities.mask((rows, columns), cells, size)
        values = error.sel(model=name).transpose("flow_rows", "flow_columns").values
        for step in range(1, int(speed.max()) + 1):
            chosen = (speed == step) & np.isfinite(values)
            left = step - ROOM / 2 + place * width
            _dots(axes, values[chosen], inside[chosen], left, width, looks[name])
    axes.set(yscale="log", xlabel="speed of the flow ν̂ (pixel/frame)")
    axes.set_xticks(range(1, int(speed.max()) + 1))
    axes.grid(False, axis="x")
    axes.margins(y=0.15)


def _zero(axes: Axes) -> None:
    """Let the axis reach from 0, at `FLOOR`, to beyond 1, and tell what is rounding."""
    axes.axhspan(FLOOR / 10, ROUNDING, color="0.94", zorder=0)
    place = axes.get_yaxis_transform()
    axes.text(0.02, 1e-11, "rounding", transform=place, size=6, color="0.35")
    powers = {10.0**power: f"$10^{{{power}}}$" for power in (-15, -12, -9, -6, -3)}
    ticks = {FLOOR: "0", **powers, 1.0: "1"}
    axes.set_ylim(FLOOR / 10, 1e3)
    axes.set_yticks(list(ticks), list(ticks.values()))
    axes.minorticks_off()


def _dots(
    axes: Axes,
    values: np.ndarray,
    inside: np.ndarray,
    left: float,
    width: float,
    look: Look,
) -> None:
    if not values.size:
        return
    middle, values = np.median(values), np.maximum(values, FLOOR)
    x = left + width * (np.arange(values.size) + 0.5) / values.size
    face = [look.color if isin else "white" for isin in inside]
    style: dict[str, Any] = {
        "marker": look.marker,
        "s": 7,
        "linewidths": 0.6,
        "alpha": 0.6,
    }
    axes.scatter(x, values, edgecolors=look.color, facecolors=face, **style)
    ends = left + 0.08 * width, left + 0.92 * width
    axes.plot(ends, [max(middle, FLOOR)] * 2, color=look.color, lw=1.8)
    offset: dict[str, Any] = {
        "xytext": (0, 4),
        "textcoords": "offset points",
        "ha": "center",
    }
    at = (left + width / 2, values.max())
    axes.annotate(parts.short(middle), at, size=5, color=look.color, **offset)


def _legend(figure: Figure, looks: dict, cubes: Sequence[xr.Dataset]) -> None:
    handles = [
        Line2D([], [], color=look.color, marker=look.marker) for look in looks.values()
    ]
    handles += parts.full_and_open()
    labels = [look.label for look in looks.values()] + ["ν̂ in V", "ν̂ not in V"]
    note = f"dot: one flow; bar: median over the flows; {parts.seeds(cubes)}"
    parts.legend(figure, handles, labels, note)
