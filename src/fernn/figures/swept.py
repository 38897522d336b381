"""The error of treated models against an option of the treatment, such as a share.

A panel for each treatment. The error is the mean squared error over the predicted
frames, not clipped. Thin lines are seeds, bold lines their geometric mean. Values lie
at equal distances, in the order of config.yaml; at one of them, named in docs, a model
is as it was trained.
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

SHOWS = {"swept": {"statistic": "swept"}}
COLUMNS = 3  # of panels
LETTERS = 24  # of a title


@theme
def draw(cubes: Sequence[xr.Dataset]) -> Figure:
    """A panel for each cube."""
    rows = -(-len(cubes) // COLUMNS)
    figure = Figure(figsize=(PAGE, 0.4 + 2.2 * rows))
    shape = (rows, min(COLUMNS, len(cubes)))
    panels = figure.subplots(*shape, squeeze=False).ravel()
    for empty in panels[len(cubes) :]:
        empty.remove()
    looks = looks_of(cubes, baselines=False)
    for axes, cube in zip(panels, cubes, strict=False):
        for name in aggregate.models(cube, baselines=False):
            _model(axes, _error(cube, name), looks[name])
        _label(axes, cube)
    note = f"bold: geometric mean, {parts.seeds(cubes)}"
    parts.legend_of(figure, panels[: len(cubes)], note)
    return figure


def _error(cube: xr.Dataset, name: str) -> xr.DataArray:
    """(seed, value)."""
    error = (
        cube["squared_error"].sel(model=name).mean(("sample", "frame"), skipna=False)
    )
    return error.transpose("seed", "value")


def _model(axes: Axes, error: xr.DataArray, look: Look) -> None:
    places = np.arange(error.sizes["value"])
    for seed in error:
        axes.plot(places, seed, color=look.color, linewidth=0.5, alpha=0.5)
    axes.plot(
        places,
        aggregate.geometric_mean(error),
        color=look.color,
        linestyle=look.linestyle,
        marker=look.marker,
        label=look.label,
    )


def _label(axes: Axes, cube: xr.Dataset) -> None:
    about = cube["value"].attrs
    axes.set(yscale="log", xlabel=about["option"].replace("_", " "))
    axes.set_ylabel(f"error (MSE, frames 1 to {int(cube['frame'].max())})")
    words = (about["treatment"].replace("_", " "), parts.title(cube))
    axes.set_title("\n".join(parts.wrapped(each, LETTERS) for each in words))
    values = cube["value"].values
    axes.set_xticks(range(len(values)), [f"{value:g}" for value in values])


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """The error of each model with each value."""
    for cube in cubes:
        about = cube["value"].attrs
        for name, known in aggregate.models(cube, baselines=False).items():
            error = _error(cube, name)
            for value, seeds in zip(cube["value"].values, error.values.T, strict=True):
                quantity = (
                    f"test MSE, {about['treatment']}, {about['option']} {value:g}"
                )
                yield over_seeds(cube, known["label"], quantity, seeds)
