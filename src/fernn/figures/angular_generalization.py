"""Forecasting error at each angular velocity of a test digit.

Of several digits in a sequence, one has this velocity and the others move as in
training; where a title says *all digits alike*, as in the authors' test, all have it.
V are the velocities that a model keeps a state for. Full markers: velocities in its V;
open markers: others. Grey band: the velocities of the training data. A model
generalises to velocities that it never saw where full markers outside the band are as
low as those inside. The error is the mean squared error over sequences and the frames
of the trained horizon: above as in the paper, below of predictions clipped to [0, 1].
Thin lines are seeds, bold ones their geometric mean, bands the 95 % interval of the
logarithm (Student's t). Rotations by other than quarter turns interpolate the picture.
A line has a gap where a seed diverged, and where the error is 0, which a logarithmic
axis cannot show.
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
from fernn.evaluation.errors import Measure, clipped, raw
from fernn.figures.velocity_generalization import numbers

__all__ = ["SHOWS", "draw", "numbers"]
SHOWS = {"velocity": {"statistic": "squared_error", "draw": "grid", "unit": "degrees"}}
LABELS: dict[str, Measure] = {"error (MSE)": raw, "error (MSE, clipped)": clipped}


@theme
def draw(cubes: Sequence[xr.Dataset]) -> Figure:
    """Two panels, a column, for each `velocity` cube (the paper's Fig. 5, rotation)."""
    figure = Figure(figsize=(PAGE, 0.5 + 1.9 * len(LABELS)))
    grid = figure.subplots(
        len(LABELS), len(cubes), sharex="col", sharey="row", squeeze=False
    )
    looks = looks_of(cubes)
    for row, (label, measure) in zip(grid, LABELS.items(), strict=True):
        for axes, cube in zip(row, cubes, strict=True):
            _panel(axes, cube, measure, looks)
        row[0].set_ylabel(label)
    for above, below, cube in zip(*grid, cubes, strict=True):
        alike = ", all digits alike" if velocities.shared(cube) else ""
        above.set_title(f"{parts.title(cube)}{alike}")
        below.set_xlabel("angular velocity (degree/frame)")
    _legend(figure, looks, cubes)
    return figure


def _panel(axes: Axes, cube: xr.Dataset, measure: Measure, looks: dict) -> None:
    near, about = aggregate.trained_frames(cube), aggregate.models(cube)
    errors = {
        name: velocities.by_velocity(cube, measure(near, name).mean("frame"))
        for name in about
    }
    degrees = next(iter(errors.values()))["velocity_degrees"].values
    for name, error in errors.items():
        own = error.transpose("seed", "velocity_degrees")
        inside = velocities.mask(
            [degrees], about[name]["velocities"], velocities.period(cube)
        )
        _line(axes, degrees, own, inside, looks[name])
    trained = [nu[0] for nu in velocities.trained(cube)]
    half = int(cube.attrs.get("step", 1)) / 2
    axes.axvspan(min(trained) - half, max(trained) + half, color="0.93", zorder=0)
    axes.set_yscale("log")
    axes.set_xlim(degrees.min() - half, degrees.max() + half)
    axes.set_xticks(degrees, [parts.signed(value) for value in degrees])


def _line(
    axes: Axes,
    degrees: np.ndarray,
    error: xr.DataArray,
    inside: np.ndarray,
    look: Look,
) -> None:
    error = error.where(np.isfinite(error))  # a gap where a seed diverged
    mean = aggregate.geometric_mean(error).values
    mean = np.where(mean > 0, mean, np.nan)  # the logarithm of an exact copy has none
    face = [look.color if isin else "white" for isin in inside]
    line: dict[str, Any] = {"color": look.color, "linestyle": look.linestyle}
    axes.plot(degrees, mean, **line, label=look.label)
    if not look.baseline:
        for seed in error.where(error > 0).values:
            axes.plot(degrees, seed, color=look.color, linewidth=0.5, alpha=0.5)
        low, high = (bound.values for bound in aggregate.geometric_interval(error))
        axes.fill_between(degrees, low, high, color=look.color, alpha=0.15, lw=0)
        edge: dict[str, Any] = {"edgecolors": look.color, "facecolors": face}
        axes.scatter(degrees, mean, marker=look.marker, s=16, zorder=3, **edge)


def _legend(figure: Figure, looks: dict, cubes: Sequence[xr.Dataset]) -> None:
    handles = [
        Line2D(
            [],
            [],
            color=look.color,
            linestyle=look.linestyle,
            marker=None if look.baseline else look.marker,
        )
        for look in looks.values()
    ]
    handles += parts.full_and_open()
    labels = [look.label for look in looks.values()] + ["in V", "not in V"]
    note = f"grey: velocities in training; {parts.seeds(cubes)}"
    parts.legend(figure, handles, labels, note)
