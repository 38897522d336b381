"""The norm of the state and the error, up to many lengths of the training.

Left: the norm of the state, relative to that at the trained length, while true frames
are fed; it grows where the state collapses. Middle: the mean squared error of the next
frame in the same run. Right: the error of the roll-out that begins after the context.
The axis counts frames before the forecast. Thin lines are seeds, bold lines their
geometric mean, each over the mean of sequences. The vertical line is the trained
length: the context and the longest roll-out of the training.
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

SHOWS = {"state_norm": {"statistic": "state_norm"}}
PANELS = {
    "norm": "norm of the state (relative)",
    "driven": "error, next frame (MSE)",
    "rollout": "error, roll-out (MSE)",
}


@theme
def draw(cubes: Sequence[xr.Dataset]) -> Figure:
    """A row of three panels for each `state_norm` cube."""
    figure = Figure(figsize=(PAGE, 0.4 + 2.0 * len(cubes)))
    grid = figure.subplots(len(cubes), len(PANELS), squeeze=False)
    looks = looks_of(cubes, baselines=False)
    for row, cube in zip(grid, cubes, strict=True):
        for axes, (panel, label) in zip(row, PANELS.items(), strict=True):
            for name in aggregate.models(cube, baselines=False):
                _lines(axes, values(cube, name, panel), looks[name])
            axes.set(yscale="log", xlabel="frame", ylabel=label)
            parts.mark(axes, trained(cube), "trained\nlength")
        row[0].set_title(parts.title(cube))
    note = f"bold: geometric mean; {parts.seeds(cubes)}"
    parts.legend_of(figure, grid[:, 0], note)
    return figure


def trained(cube: xr.Dataset) -> int:
    """The frames before the last that training forecast; the cube may end earlier."""
    frames = int(cube.attrs["context"]) + int(cube.attrs["long_horizon"]) - 1
    return min(frames, int(cube["time"][-1]))


def values(cube: xr.Dataset, name: str, panel: str) -> xr.DataArray:
    """What a panel shows of a model (seed × time), the mean over sequences."""
    own = cube.sel(model=name)
    if panel == "norm":
        norm = own["norm"].sel(run="driven").mean("sample", skipna=False)
        return norm / norm.sel(time=trained(cube))
    error = own["squared_error"].sel(run=panel).mean("sample", skipna=False)
    first = int(cube.attrs["context"]) if panel == "rollout" else 1
    return error.sel(time=slice(first, None))


def _lines(axes: Axes, shown: xr.DataArray, look: Look) -> None:
    """Of the seeds, thin, and of their geometric mean."""
    for seed in shown.transpose("seed", "time"):
        axes.plot(shown["time"], seed, color=look.color, linewidth=0.5, alpha=0.6)
    axes.plot(
        shown["time"],
        aggregate.geometric_mean(shown),
        color=look.color,
        linestyle=look.linestyle,
        marker=look.marker,
        markevery=max(1, shown["time"].size // 7),
        label=look.label,
    )


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """Norm and errors at the last frame, relative to those at the trained length."""
    for cube in cubes:
        for name, about in aggregate.models(cube, baselines=False).items():
            for panel in PANELS:
                shown = values(cube, name, panel)
                ratio = shown.isel(time=-1) / shown.sel(time=trained(cube))
                words = f"{panel}, last frame by trained length"
                yield over_seeds(cube, about["label"], words, ratio.values)
