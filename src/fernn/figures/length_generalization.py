"""Forecasting error of each predicted frame, up to roll-outs longer than in training.

The error is the mean squared error of the prediction clipped to [0, 1]. Left: mean over
test sequences; thin lines are seeds, bold lines their geometric mean, bands (from three
seeds on) the 95 % t-interval of the logarithm. Right: median over sequences and seeds,
which a few diverging roll-outs do not move. Vertical lines: the trained horizon, and
the longest roll-out of the training. A baseline whose error is exactly 0 is named in
the legend only.
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
from fernn.evaluation.errors import last_frames
from fernn.evaluation.numbers import Number, over_seeds

SHOWS = {"length": {"statistic": "squared_error", "draw": "sampled", "longer": True}}
ENOUGH = 3  # seeds for an interval: with two, t = 12.7 and the band is the panel


@theme
def draw(cubes: Sequence[xr.Dataset]) -> Figure:
    """A row of two panels for each `length` cube (the paper's Fig. 4).

    Raises:
        UserError: a cube of another statistic.
    """
    aggregate.require(cubes, SHOWS)
    figure = Figure(figsize=(PAGE, 0.45 + 2.1 * len(cubes)))
    grid = figure.subplots(len(cubes), 2, sharey="row", squeeze=False)
    looks = looks_of(cubes)
    for row, cube in zip(grid, cubes, strict=True):
        _label(row, cube)
        errors = {name: _error(cube, name) for name in aggregate.models(cube)}
        for name, error in errors.items():
            _seeds(row[0], error, looks[name])
            _line(row[1], aggregate.median(error, ["sample", "seed"]), looks[name])
        _bands(row[0], errors, looks)
    band = "" if cubes[0].sizes["seed"] < ENOUGH else "band: 95 % t-interval; "
    note = f"bold: geometric mean; {band}{parts.seeds(cubes)}"
    parts.legend_of(figure, grid[:, 0], note)
    return figure


def _error(cube: xr.Dataset, model: str) -> xr.DataArray:
    error = cube["clamped_squared_error"].sel(model=model)
    return error.transpose("seed", "sample", "frame")


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
    row[0].set(yscale="log", ylabel="error (MSE, clipped)")
    row[0].set_title(parts.title(cube))
    row[1].set_title("median")
    horizon, longest = int(cube.attrs["horizon"]), int(cube.attrs["long_horizon"])
    last = int(cube["frame"].max())
    for axes in row:
        axes.set(xlabel="predicted frame", xlim=(0, last + 1))
        parts.mark(axes, horizon, "trained\nhorizon")
        if horizon < longest <= last:
            parts.mark(axes, longest, "longest\nin training")


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """The error of the last frames of the longest roll-out that tables show."""
    for cube in cubes:
        horizon = int(cube.attrs["horizon"])
        for name, about in aggregate.models(cube, baselines=False).items():
            *_, (longest, error) = last_frames(cube, name)
            first = (longest - 1) * horizon + 1
            quantity = f"clipped test MSE, frames {first} to {longest * horizon}"
            values = error.mean(("sample", "frame")).values
            yield over_seeds(cube, about["label"], quantity, values)
