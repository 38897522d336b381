"""Distance of the state from a fixed point, in the frame of its input and in the lab.

Left, while true frames are fed, and middle, in the roll-out: the relative change of the
state from frame to frame, geometric mean over sequences and seeds. With markers: in the
frame of the velocity, among those of the data, in which it changes least; thin, without
markers: in the lab frame, where a moving template is never at rest. Right: the largest
eigenvalues of the Jacobian where the change is least, of all seeds, in the complex
plane with the unit circle; those outside grow.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from fernn.drawing import parts
from fernn.drawing.style import PAGE, Look, looks_of, theme
from fernn.evaluation import aggregate
from fernn.evaluation.numbers import Number, over_seeds

SHOWS = {"fixed_points": {"statistic": "fixed_points"}}
RUNS = {"driven": "true frames", "rollout": "roll-out"}
OUTSIDE, NEUTRAL = 1e-3, 0.02  # distances from the unit circle, and from 1


@theme
def draw(cubes: Sequence[xr.Dataset]) -> Figure:
    """A row of three panels for each `fixed_points` cube."""
    figure = Figure(figsize=(PAGE, 0.4 + 2.2 * len(cubes)))
    grid = figure.subplots(len(cubes), len(RUNS) + 1, squeeze=False)
    looks = looks_of(cubes, baselines=False)
    for row, cube in zip(grid, cubes, strict=True):
        for name in aggregate.models(cube, baselines=False):
            for axes, run in zip(row, RUNS, strict=False):
                _residuals(axes, cube.sel(model=name, run=run), looks[name])
            _eigenvalues(row[-1], cube.sel(model=name), looks[name])
        for axes, words in zip(row, RUNS.values(), strict=False):
            axes.set(yscale="log", xlabel="frame", title=words)
            axes.set_ylabel("relative change of the state")
        row[0].set_title(f"{parts.title(cube)}: {RUNS['driven']}")
        row[-1].add_patch(Circle((0, 0), 1, fill=False, edgecolor="0.6", linewidth=0.6))
        row[-1].set(xlabel="real part", ylabel="imaginary part", aspect="equal")
        row[-1].set_title("eigenvalues")
    note = f"with markers: co-moving, thin: lab frame; {parts.seeds(cubes)}"
    parts.legend_of(figure, grid[:, 0], note)
    return figure


def _residuals(axes: Axes, own: xr.Dataset, look: Look) -> None:
    for system in ("comoving", "lab"):
        change = mean(own["residual"].sel(system=system))
        bold = system == "comoving"
        axes.plot(
            change["time"],
            change,
            color=look.color,
            linestyle=look.linestyle,
            linewidth=1.4 if bold else 0.6,
            marker=look.marker if bold else None,
            markevery=max(1, change.size // 7),
            label=look.label if bold else None,
        )


def mean(residual: xr.DataArray) -> xr.DataArray:
    """The geometric mean over sequences and seeds; of times that the run has."""
    flat = residual.stack(both=("sample", "seed")).transpose("time", "both")
    shown = flat[flat.notnull().any("both").values]
    return aggregate.geometric_mean(shown, "both")


def _eigenvalues(axes: Axes, own: xr.Dataset, look: Look) -> None:
    values = own["eigenvalue"]
    real, imaginary = (values.sel(part=p).values.ravel() for p in ("real", "imaginary"))
    style: dict[str, Any] = {"color": look.color, "marker": look.marker}
    axes.plot(real, imaginary, linestyle="none", markersize=2, alpha=0.7, **style)


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """Residuals at the end of both runs, counts of eigenvalues, the largest kick."""
    for cube in cubes:
        found = {
            f"relative change, {words}, last frame": cube["residual"]
            .sel(run=run, system="comoving")
            .isel(time=-1)
            .mean("sample")
            for run, words in RUNS.items()
        }
        real, imaginary = (
            cube["eigenvalue"].sel(part=p) for p in ("real", "imaginary")
        )
        outside = real**2 + imaginary**2 > (1 + OUTSIDE) ** 2
        found["eigenvalues outside the unit circle"] = _count(outside)
        near = (real - 1) ** 2 + imaginary**2 < NEUTRAL**2
        found["eigenvalues near 1"] = _count(near)
        found["largest kick"] = cube["kick"].max("channel")
        for name, about in aggregate.models(cube, baselines=False).items():
            for quantity, each in found.items():
                yield over_seeds(
                    cube, about["label"], quantity, each.sel(model=name).values
                )


def _count(true: xr.DataArray) -> xr.DataArray:
    """Of a fixed point, the mean over them."""
    return true.sum("number").mean("start")
