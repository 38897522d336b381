"""Autocorrelation of the channels of the state, each in the frame of its velocity.

Left: the autocorrelation of the activity, mean over channels, while true frames are
fed; thin lines are seeds, bold lines their mean. Right: the share of channels, of all
seeds, whose timescale is at most so long: the lag at which the autocorrelation falls
below 1/e, the horizontal line on the left. A curve that ends below 1 leaves channels
whose timescale is longer than the lags that were measured.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fernn.drawing import parts
from fernn.drawing.style import PAGE, Look, looks_of, theme
from fernn.evaluation import aggregate
from fernn.evaluation.numbers import Number, over_seeds

FALL = float(np.exp(-1))  # of the autocorrelation, which defines a timescale
SHOWS = {"timescales": {"statistic": "timescales"}}


@theme
def draw(cubes: Sequence[xr.Dataset]) -> Figure:
    """A row of two panels for each `timescales` cube."""
    figure = Figure(figsize=(PAGE, 0.4 + 2.0 * len(cubes)))
    grid = figure.subplots(len(cubes), 2, squeeze=False)
    looks = looks_of(cubes, baselines=False)
    for row, cube in zip(grid, cubes, strict=True):
        for name in aggregate.models(cube, baselines=False):
            _correlations(row[0], cube["autocorrelation"].sel(model=name), looks[name])
            _timescales(row[1], cube["timescale"].sel(model=name).values, looks[name])
        row[0].axhline(FALL, color="0.6", linewidth=0.6, zorder=1)
        row[0].set(xlabel="lag (frames)", ylabel="autocorrelation")
        row[0].set_title(parts.title(cube))
        row[1].set(xlabel="timescale (frames)", ylabel="share of channels")
        row[1].set(xlim=(0, float(cube["lag"][-1])), ylim=(0, 1.02))
    note = f"bold: mean; {parts.seeds(cubes)}"
    parts.legend_of(figure, grid[:, 0], note)
    return figure


def _correlations(axes: Axes, own: xr.DataArray, look: Look) -> None:
    shown = own.mean("channel").transpose("seed", "lag")
    for seed in shown:
        axes.plot(shown["lag"], seed, color=look.color, linewidth=0.5, alpha=0.6)
    axes.plot(
        shown["lag"],
        shown.mean("seed"),
        color=look.color,
        linestyle=look.linestyle,
        marker=look.marker,
        markevery=max(1, shown["lag"].size // 7),
        label=look.label,
    )


def _timescales(axes: Axes, values: np.ndarray, look: Look) -> None:
    """The share of channels at or below each timescale, those without one included."""
    known = values[~np.isnan(values)]
    ended = np.sort(known[np.isfinite(known)])
    shares = np.arange(1, ended.size + 1) / max(1, known.size)
    style = {"color": look.color, "linestyle": look.linestyle}
    axes.plot(np.r_[0, ended], np.r_[0, shares], drawstyle="steps-post", **style)


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """The median timescale of each model."""
    for cube in cubes:
        for name, about in aggregate.models(cube, baselines=False).items():
            median = cube["timescale"].sel(model=name).median("channel")
            words = "median timescale, frames"
            yield over_seeds(cube, about["label"], words, median.values)
