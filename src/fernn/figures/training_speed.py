"""Validation error during training.

The error is the mean square over the frames named at the axis, those that decide which
epoch is kept; in the paper they are those of the trained horizon. Left: against
optimiser updates. Right: against compute, where an update of a model counts as its cost
relative to an update of the model named at the axis (`cost` in config.yaml). Thin lines
are seeds, bold lines their geometric mean. Grey lines: baselines, which are not
trained; one whose error is exactly 0 is named in the legend only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fernn.drawing import parts
from fernn.drawing.style import PAGE, Look, looks_of, theme
from fernn.evaluation import aggregate
from fernn.evaluation.numbers import Number, over_seeds

SHOWS = {"curves": {"statistic": "curves"}}


@theme
def draw(cubes: Sequence[xr.Dataset]) -> Figure:
    """A row of two panels for each `curves` cube (the paper's Fig. 3)."""
    figure = Figure(figsize=(PAGE, 0.35 + 2.1 * len(cubes)))
    grid = figure.subplots(len(cubes), 2, sharey="row", squeeze=False)
    looks = looks_of(cubes)
    for row, cube in zip(grid, cubes, strict=True):
        for name, level in _copies(cube).items():
            for axes in row:
                _copy(axes, level, looks[name])
        about = aggregate.models(cube, baselines=False)
        for name in about:
            _curve(row[0], cube.sel(model=name), looks[name], cost=1.0)
            _curve(row[1], cube.sel(model=name), looks[name], about[name]["cost"])
        _label(row, cube)
    note = f"bold: geometric mean, {parts.seeds(cubes)}"
    parts.legend_of(figure, grid[:, 0], note)
    return figure


def _copies(cube: xr.Dataset) -> dict[str, float]:
    """The validation error of each baseline."""
    trained = aggregate.models(cube, baselines=False)
    names = [name for name in aggregate.models(cube) if name not in trained]
    error = cube["validation_error"]
    return {name: float(error.sel(model=name).mean()) for name in names}


def _copy(axes: Axes, level: float, look: Look) -> None:
    # An error of exactly 0 has no place on a logarithmic axis.
    label = look.label if level else f"{look.label}: 0"
    style = {"color": look.color, "linestyle": look.linestyle, "linewidth": 1.0}
    if level:
        axes.axhline(level, label=label, **style)
    else:
        axes.plot([], [], label=label, **style)


def _curve(axes: Axes, model: xr.Dataset, look: Look, cost: float) -> None:
    trained = model.dropna("epoch", subset=["validation_error"], how="all")
    x = trained["updates"] * cost
    error = trained["validation_error"].transpose("seed", "epoch")
    for seed in error:
        axes.plot(x, seed, color=look.color, linewidth=0.5, alpha=0.5)
    every = max(1, len(x) // 6)
    axes.plot(
        x,
        aggregate.geometric_mean(error),
        color=look.color,
        linestyle=look.linestyle,
        marker=look.marker,
        markevery=(every - 1, every),
        label=look.label,
    )


def _label(row: Sequence[Axes], cube: xr.Dataset) -> None:
    trained = aggregate.models(cube, baselines=False).values()
    units = [about["label"] for about in trained if about["cost"] == 1]
    unit = f"1 = one update of {units[0]}" if units else "updates × cost"
    label = f"validation error (MSE,\nframes {_frames(cube)})"
    row[0].set(yscale="log", ylabel=label)
    row[0].set(xlabel="optimiser updates", title=parts.title(cube))
    row[1].set(xlabel=f"compute ({unit})", title="at equal compute")
    for axes in row:
        axes.set_xlim(left=0)


def _frames(cube: xr.Dataset) -> str:
    """The predicted frames that the validation error is a mean over."""
    return f"1 to {int(cube.attrs['long_horizon'])}"


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """The validation error of each model's last epoch, over which frames it is."""
    for cube in cubes:
        quantity = f"validation MSE after training, frames {_frames(cube)}"
        if (horizon := int(cube.attrs["horizon"])) < int(cube.attrs["long_horizon"]):
            quantity += f" (published: the trained horizon, here 1 to {horizon})"
        for name, about in aggregate.models(cube, baselines=False).items():
            error = cube["validation_error"].sel(model=name)
            trained = error.dropna("epoch", how="all").isel(epoch=-1)
            last = aggregate.worst(trained).values
            yield over_seeds(cube, about["label"], quantity, last)
