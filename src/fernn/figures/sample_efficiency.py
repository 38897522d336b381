"""Test error against the number of training sequences.

Each training had so many sequences, the same in every epoch, and made about as many
optimiser steps as the others of its model. The error is the mean squared error of the
trained horizon on new sequences, not clipped. Dots are seeds, lines their geometric
mean. Grey lines: baselines, which are not trained; one whose error is exactly 0 is
named in the legend only.
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

SHOWS = {
    "few": {
        "statistic": "squared_error",
        "draw": "sampled",
        "longer": False,
        "redraw": "never",
    }
}
Panel = dict[int, xr.Dataset]  # cubes by their number of training sequences


@theme
def draw(cubes: Sequence[xr.Dataset]) -> Figure:
    """A panel for each protocol, with a cube for each number of sequences."""
    panels = _panels(cubes)
    figure = Figure(figsize=(min(PAGE, 3.4 * len(panels)), 2.6))
    row = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
    looks = looks_of(cubes)
    for axes, panel in zip(row, panels, strict=True):
        for name in aggregate.models(next(iter(panel.values()))):
            _model(axes, panel, name, looks[name])
        _label(axes, panel)
    parts.legend_of(figure, row, f"line: geometric mean; dots: {parts.seeds(cubes)}")
    return figure


def _panels(cubes: Sequence[xr.Dataset]) -> list[Panel]:
    """The cubes by protocol; a number of sequences that is there begins a new panel."""
    found: list[tuple[str, Panel]] = []
    for cube in sorted(cubes, key=lambda cube: int(cube.attrs["sequences"])):
        protocol, number = cube.attrs["protocol"], int(cube.attrs["sequences"])
        fitting = (p for own, p in found if own == protocol and number not in p)
        panel = next(fitting, None)
        if panel is None:
            found.append((protocol, panel := {}))
        panel[number] = cube
    return [panel for _, panel in found]


def _model(axes: Axes, panel: Panel, name: str, look: Look) -> None:
    there = {number: cube for number, cube in panel.items() if name in cube["model"]}
    errors = [_error(cube, name) for cube in there.values()]
    # An error of exactly 0 (a perfect baseline) has no place on a logarithmic axis.
    exact = all(bool((error == 0).all()) for error in errors)
    means = [float(aggregate.geometric_mean(error)) for error in errors]
    axes.plot(
        [*there],
        [np.nan if mean == 0 else mean for mean in means],
        color=look.color,
        linestyle=look.linestyle,
        linewidth=1.0 if look.baseline else None,
        label=f"{look.label}: 0" if exact else look.label,
    )
    if look.baseline:  # the same for every seed
        return
    for number, error in zip(there, errors, strict=True):
        axes.plot(
            [number] * error.size,
            error,
            color=look.color,
            marker=look.marker,
            linestyle="none",
            alpha=0.6,
        )


def _error(cube: xr.Dataset, name: str) -> xr.DataArray:
    """The error of each seed."""
    error = aggregate.trained_frames(cube)["squared_error"].sel(model=name)
    return error.mean(("sample", "frame"), skipna=False)


def _label(axes: Axes, panel: Panel) -> None:
    about = next(iter(panel.values())).attrs
    axes.set(xscale="log", yscale="log", xlabel="training sequences")
    axes.set(ylabel="error (MSE)")
    axes.set_title(f"protocol {about['protocol']} ({about['budget']})")
    axes.set_xticks([*panel], [f"{number:,}" for number in panel])
    axes.minorticks_off()


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """The error of each model with each number of training sequences."""
    for cube in cubes:
        for name, about in aggregate.models(cube, baselines=False).items():
            sequences = int(cube.attrs["sequences"])
            quantity = f"test MSE, {sequences} training sequences"
            values = _error(cube, name).values
            yield over_seeds(cube, about["label"], quantity, values)
