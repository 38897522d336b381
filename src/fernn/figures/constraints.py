r"""Relaxations of the symmetry, their multipliers and slacks in training.

A row for each relaxation of an experiment. Left: :math:`\gamma`, which is 0 in a strict
model and 1 in a free one. Middle: the multiplier :math:`\lambda`: with equality
constraints it ends at the slope of the loss in γ where γ = 0, so that a relaxation that
would help stands out. Right: the slack u of a resilient constraint, which ends at
:math:`|\gamma|`. Thin lines are seeds, bold lines their mean; a strategy that has no λ
or no u is not drawn there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fernn.drawing import parts
from fernn.drawing.style import PAGE, Look, looks_of, theme
from fernn.evaluation import aggregate
from fernn.evaluation.relaxations import of_cube

SHOWS = {"strategy": {"statistic": "strategy_curves"}}
PANELS = {"gamma": "γ", "lambda": "multiplier λ", "u": "slack u"}


@theme
def draw(cubes: Sequence[xr.Dataset]) -> Figure:
    """A row of three panels for each relaxation of each cube."""
    rows = [(cube, name) for cube in cubes for name in of_cube(cube)]
    figure = Figure(figsize=(PAGE, 0.5 + 1.4 * max(1, len(rows))))
    shape = max(1, len(rows)), len(PANELS)
    grid = figure.subplots(*shape, sharex="row", squeeze=False)
    looks = looks_of(cubes)
    for row, (cube, relaxation) in zip(grid, rows, strict=False):
        for axes, (quantity, meaning) in zip(row, PANELS.items(), strict=True):
            for name in aggregate.models(cube, baselines=False):
                _model(axes, cube, name, f"{quantity}_{relaxation}", looks[name])
            axes.axhline(0, color="0.6", linewidth=0.6, zorder=1)
            axes.set_ylabel(meaning)
        row[0].set_title(f"{parts.title(cube)}: {relaxation}", loc="left")
    for axes in grid[-1]:
        axes.set_xlabel("optimiser updates")
    note = f"bold: mean, {parts.seeds(cubes)}"
    parts.legend_of(figure, grid.ravel(), note)
    return figure


def _model(axes: Axes, cube: xr.Dataset, name: str, quantity: str, look: Look) -> None:
    found = list(_quantity(cube.sel(model=name), quantity))
    for x, curves in found:
        for curve in curves:
            axes.plot(x, curve, color=look.color, linewidth=0.5, alpha=0.5)
        style = {"color": look.color, "linestyle": look.linestyle}
        axes.plot(x, curves.mean("seed"), label=look.label, **style)


def _quantity(
    model: xr.Dataset, quantity: str
) -> Iterator[tuple[xr.DataArray, xr.DataArray]]:
    """The updates and the curves (seed, epoch) of a quantity, if a model has it."""
    if quantity in model["quantity"]:
        own = model.sel(quantity=quantity).dropna("epoch", subset=["value"], how="all")
        if own.sizes["epoch"]:
            yield own["updates"], own["value"].transpose("seed", "epoch")
