"""Forecasting error of each predicted frame, up to roll-outs longer than in training.

Left: mean squared error over test sequences, as in the paper. Middle: the same of
predictions clipped to [0, 1], which hides how far a roll-out diverges. Thin lines are
seeds, bold lines their geometric mean, bands (from three seeds on) the 95 % t-interval
of the logarithm; the left panel is cut above 1000 times the largest clipped error.
Right: median of the clipped error over sequences and seeds, which a few diverging
roll-outs do not move. Frames are on a logarithmic axis where there are more than 20
trained horizons of them, and errors there are means over frames within 10 % of each
other. On a torus of S pixels digits of whole velocities repeat
themselves every S frames: there every copy of the last frame is exact again, moved or
not. Vertical lines: the trained horizon, and the longest roll-out of the training. Grey
lines: baselines, which are not trained. A baseline whose error is exactly 0 is named in
the legend only. Titles tell how models were trained: by the paper's protocol,
*published*, or ours, *exact*.
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
from fernn.evaluation.errors import (
    MULTIPLES,
    QUANTITIES,
    Measure,
    clipped,
    last_frames,
    raw,
)
from fernn.evaluation.numbers import Number, over_seeds

LETTERS = 34  # of a line of a title
SHOWS = {"length": {"statistic": "squared_error", "draw": "sampled", "longer": True}}
LONG = 20  # trained horizons; of more frames than these the axis is logarithmic
BINS = 24  # a factor ten of a logarithmic axis, on each of which frames are averaged
CUT = 1000.0  # times the upper end of the panel of clipped errors
ENOUGH = 3  # seeds for an interval: with two, t = 12.7 and the band is the panel


@theme
def draw(cubes: Sequence[xr.Dataset]) -> Figure:
    """A row of three panels for each `length` cube (the paper's Fig. 4)."""
    figure = Figure(figsize=(PAGE, 0.45 + 2.1 * len(cubes)))
    grid = figure.subplots(len(cubes), 3, squeeze=False)
    looks = looks_of(cubes)
    for row, cube in zip(grid, cubes, strict=True):
        row[2].sharey(row[1])
        _label(row, cube)
        shown = _averaged(cube) if _is_long(cube) else cube
        for axes, measure in zip(row, (raw, clipped), strict=False):
            _means(axes, shown, measure, looks)
        for name in aggregate.models(cube):
            middle = aggregate.median(clipped(shown, name), ["sample", "seed"])
            _line(row[2], middle, looks[name])
        if _is_long(cube):
            _in_powers(row)
        _cut(row[0], row[1])
    band = "" if cubes[0].sizes["seed"] < ENOUGH else "band: 95 % t-interval; "
    note = f"bold: geometric mean; {band}{parts.seeds(cubes)}"
    parts.legend_of(figure, grid[:, 0], note)
    return figure


def _is_long(cube: xr.Dataset) -> bool:
    return int(cube["frame"].max()) > LONG * int(cube.attrs["horizon"])


def _averaged(cube: xr.Dataset) -> xr.Dataset:
    """Errors as means over frames that are near each other on a logarithmic axis."""
    frames = cube["frame"].values
    place = np.floor(BINS * np.log10(frames))
    bins = xr.DataArray(place, coords={"frame": frames}, dims="frame", name="bin")
    errors = cube[["squared_error", "clamped_squared_error"]].map(aggregate.worst)
    middles = [frames[place == each].mean() for each in np.unique(place)]
    means = errors.groupby(bins).mean().rename(bin="frame")
    return means.assign_coords(frame=middles).assign_attrs(cube.attrs)


def _in_powers(row: Sequence[Axes]) -> None:
    """Frames on a logarithmic axis, with markers as far apart as on another."""
    for axes in row:
        axes.set(xscale="log", xlim=(1, axes.get_xlim()[1]))
        for line in axes.get_lines():
            line.set_markevery(0.15)


def _means(axes: Axes, cube: xr.Dataset, measure: Measure, looks: dict) -> None:
    """The mean over sequences of each seed, and of seeds, of all models."""
    errors = {}
    for name in aggregate.models(cube):
        error = measure(cube, name).transpose("seed", "sample", "frame")
        errors[name] = error.where(np.isfinite(error))  # a gap where a seed diverged
    for name, error in errors.items():
        _seeds(axes, error, looks[name])
    _bands(axes, errors, looks)


def _cut(unbounded: Axes, bounded: Axes) -> None:
    """Leave out errors that are so large that the others could not be told apart."""
    low, high = unbounded.get_ylim()
    unbounded.set_ylim(low, min(high, CUT * bounded.get_ylim()[1]))


def _seeds(axes: Axes, error: xr.DataArray, look: Look) -> None:
    mean = error.mean("sample", skipna=False)
    if look.baseline:  # the same for every seed
        _line(axes, mean[0], look)
        return
    for seed in mean:
        axes.plot(mean["frame"], seed, color=look.color, linewidth=0.5, alpha=0.6)
    _line(axes, aggregate.geometric_mean(mean), look)


def _bands(axes: Axes, errors: dict[str, xr.DataArray], looks: dict) -> None:
    low, high = axes.get_ylim()
    axes.set_ylim(low / 1.5, high * 2)  # set by the lines; a wide band is cut
    for name, error in errors.items():
        if looks[name].baseline or error.sizes["seed"] < ENOUGH:
            continue
        low, high = aggregate.geometric_interval(error.mean("sample", skipna=False))
        color = looks[name].color
        axes.fill_between(error["frame"], low, high, color=color, lw=0, alpha=0.15)


def _line(axes: Axes, values: xr.DataArray, look: Look) -> None:
    # An error of exactly 0 (a perfect baseline) has no place on a logarithmic axis.
    shown = values.where((values > 0) & np.isfinite(values))
    exact = bool((values == 0).all())
    axes.plot(
        values["frame"],
        shown,
        color=look.color,
        linestyle=look.linestyle,
        marker=look.marker,
        markevery=max(1, values.size // 7),
        linewidth=1.0 if look.baseline else None,
        label=f"{look.label}: 0" if exact else look.label,
    )


def _label(row: Sequence[Axes], cube: xr.Dataset) -> None:
    for axes in row[:2]:
        axes.set_yscale("log")
    row[0].set(ylabel="error (MSE)")
    row[1].set(ylabel="error (MSE, clipped)")
    row[0].set_title(parts.wrapped(parts.title(cube), LETTERS))
    row[1].set_title("clipped")
    row[2].set_title("median, clipped")
    row[2].tick_params(labelleft=False)
    horizon, longest = int(cube.attrs["horizon"]), int(cube.attrs["long_horizon"])
    last = int(cube["frame"].max())
    shares = np.array([horizon, longest]) / last
    shares = 1 + np.log(shares) / np.log(last) if _is_long(cube) else shares
    near = shares[1] - shares[0] < 1 / 5  # the notes would overlap
    for axes in row:
        axes.set(xlabel="predicted frame", xlim=(0, last + 1))
        parts.mark(axes, horizon, "trained\nhorizon")
        if horizon < longest <= last:
            parts.mark(axes, longest, "longest\nin training", 0.81 if near else 0.99)


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """The errors of the last frames of the longest roll-out that tables show.

    Of one that is longer than fits a linear axis, the very last frames.
    """
    for cube in cubes:
        horizon = int(cube.attrs["horizon"])
        last = int(cube["frame"].max()) // horizon
        multiples = [last] if _is_long(cube) else MULTIPLES
        for name, about in aggregate.models(cube, baselines=False).items():
            for quantity, measure in QUANTITIES.items():
                *_, (longest, error) = last_frames(cube, name, multiples, measure)
                first = (longest - 1) * horizon + 1
                words = f"{quantity}, frames {first} to {longest * horizon}"
                values = error.mean(("sample", "frame")).values
                yield over_seeds(cube, about["label"], words, values)
