"""The length at which a roll-out's error doubles, against three rates of its state.

A dot is one seed of one model. The length is the first predicted frame with twice the
mean squared error of the trained frames; roll-outs that end before are drawn above the
line that marks their end. Left: the gap, the rate at which the answer that a flow
equivariant model gives to a flow of its input by one step per frame is lost; an exact
0 is drawn at the lower end. Middle: the exponent along the group's tangent, the growth
of the distance between the states of a video and of the video shifted by one step.
Right: the largest ordinary Lyapunov exponent. In titles: the rank correlation
(Spearman's ρ) of the dots' rate and length, over all models.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fernn.drawing import parts
from fernn.drawing.style import PAGE, looks_of, theme
from fernn.evaluation import aggregate, exponents
from fernn.evaluation.numbers import Number, over_seeds

SHOWS = {"lyapunov": {"statistic": "lyapunov"}}
FLOOR = 1e-9  # 1/frame: a gap of 0, or of rounding, is drawn here
RATES = {
    "gap": ("gap", "gap (1/frame)"),
    "tangent": ("exponent along the tangent", "exponent (1/frame)"),
    "largest": ("largest exponent", "exponent (1/frame)"),
}


@theme
def draw(cubes: Sequence[xr.Dataset]) -> Figure:
    """A row of three panels for each `lyapunov` cube."""
    figure = Figure(figsize=(PAGE, 0.4 + 2.2 * len(cubes)))
    grid = figure.subplots(len(cubes), len(RATES), squeeze=False, sharey="row")
    looks = looks_of(cubes, baselines=False)
    for row, cube in zip(grid, cubes, strict=True):
        length = exponents.doubling(cube)
        for axes, (name, (title, label)) in zip(row, RATES.items(), strict=True):
            rate = getattr(exponents, name)(cube)
            if name == "gap":  # of rounding errors, the larger is not more
                rate = rate.copy(data=np.maximum(rate.values, FLOOR))
            _dots(axes, cube, rate, length, looks)
            axes.set(
                xlabel=label,
                title=f"{title}, ρ = {rank(rate, length):.2f}".replace("-", "−"),
            )
        _gaps(row[0])
        row[0].set_ylabel(f"frame of twice the error\n{parts.title(cube)}")
    note = f"dot: one seed of one model; {parts.seeds(cubes)}"
    parts.legend_of(figure, grid[:, 0], note)
    return figure


def _dots(
    axes: Axes, cube: xr.Dataset, rate: xr.DataArray, length: xr.DataArray, looks: dict
) -> None:
    end = int(cube["frame"][-1])
    for name in aggregate.models(cube, baselines=False):
        frames = length.sel(model=name).values
        y = np.where(np.isinf(frames), 1.06 * end, frames)
        look = looks[name]
        style = {"color": look.color, "marker": look.marker, "linestyle": "none"}
        axes.plot(rate.sel(model=name), y, label=look.label, alpha=0.8, **style)
    axes.axhline(end, color="0.6", linewidth=0.6, zorder=1)
    axes.set_ylim(0, 1.12 * end)


def _gaps(axes: Axes) -> None:
    axes.set_xscale("log")
    axes.set_xlim(FLOOR / 3, 1)
    ticks = {FLOOR: "0"} | {10.0**n: f"$10^{{{n}}}$" for n in (-6, -4, -2)}
    axes.set_xticks(list(ticks), list(ticks.values()))
    axes.minorticks_off()


def rank(rate: xr.DataArray, length: xr.DataArray) -> float:
    """Spearman's rank correlation over models and seeds; NaN without any variation."""
    from scipy.stats import rankdata

    both = [each.transpose("model", "seed").values.ravel() for each in (rate, length)]
    known = ~np.isnan(both).any(0)
    ranks = [rankdata(values[known]) for values in both]
    if known.sum() < 2 or any(np.ptp(values) == 0 for values in ranks):
        return float("nan")
    return float(np.corrcoef(*ranks)[0, 1])


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """The rates of each model, and where its error doubles."""
    for cube in cubes:
        found = {
            f"{title}, 1/frame": getattr(exponents, name)(cube)
            for name, (title, _) in RATES.items()
        }
        found["frame of twice the error"] = exponents.doubling(cube)
        for name, about in aggregate.models(cube, baselines=False).items():
            for quantity, values in found.items():
                yield over_seeds(cube, about["label"], quantity, values.sel(model=name))
