"""Validation error against processor seconds of training.

A panel for each width of the models; models of one width have equally many parameters.
Both axes are logarithmic. Seconds are measured, of the process that trains, validation
included; an error is the mean square over the frames named at the axis. Thin lines are
seeds, bold lines their geometric mean. Dotted: the published error of the model of that
colour, for the paper's 739,584 parameters. A bold line that crosses its dotted one has
reached that error. For one that does not, the slope tells what is missing: at slope -s,
a tenth of the error takes 10^(1/s) times the seconds. The learning rate falls to zero
in the course of a training, so that the end of a line is flatter than a longer training
is at that second, and lower.
"""

from __future__ import annotations

from collections.abc import Sequence

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fernn.drawing import parts
from fernn.drawing.style import PAGE, Look, looks_of, theme
from fernn.evaluation import aggregate

SHOWS = {"seconds": {"statistic": "processor_seconds"}}
LETTERS = 30  # of a title, in a line


@theme
def draw(cubes: Sequence[xr.Dataset]) -> Figure:
    """A panel for each cube, all on the same axes."""
    rows = -(-len(cubes) // 3)
    figure = Figure(figsize=(PAGE, 0.35 + 2.3 * rows))
    shape = (rows, min(3, len(cubes)))
    panels = figure.subplots(*shape, sharex=True, sharey=True, squeeze=False).ravel()
    for empty in panels[len(cubes) :]:
        empty.remove()
    looks = looks_of(cubes)
    for axes, cube in zip(panels, cubes, strict=False):
        for name, about in aggregate.models(cube).items():
            _model(axes, cube.sel(model=name), looks[name])
            _published(axes, about.get("published"), looks[name])
        _label(axes, cube)
    note = f"bold: geometric mean, {parts.seeds(cubes)}"
    parts.legend_of(figure, panels[: len(cubes)], note)
    return figure


def _model(axes: Axes, model: xr.Dataset, look: Look) -> None:
    trained = model.dropna("epoch", subset=["validation_error"], how="all")
    error = trained["validation_error"].transpose("seed", "epoch")
    seconds = trained["processor_seconds"].transpose("seed", "epoch")
    for own, seed in zip(seconds, error, strict=True):
        axes.plot(own, seed, color=look.color, linewidth=0.5, alpha=0.5)
    axes.plot(
        aggregate.geometric_mean(seconds),
        aggregate.geometric_mean(error),
        color=look.color,
        linestyle=look.linestyle,
        label=look.label,
    )


def _published(axes: Axes, value: dict | None, look: Look) -> None:
    if value and value.get("mean") is not None:
        axes.axhline(value["mean"], color=look.color, linestyle=":", linewidth=1.0)


def _label(axes: Axes, cube: xr.Dataset) -> None:
    counts = {about["parameters"] for about in aggregate.models(cube).values()}
    sizes = " or ".join(f"{count:,}" for count in sorted(counts))
    if len(counts) > 2:
        sizes = f"{min(counts):,} to {max(counts):,}"
    title = parts.wrapped(parts.title(cube), LETTERS)
    axes.set(xscale="log", yscale="log", title=f"{title}\n{sizes} parameters")
    axes.set_xlabel("processor seconds of training")
    axes.set_ylabel(
        f"validation error (MSE,\nframes 1 to {cube.attrs['long_horizon']})"
    )
    axes.label_outer()
