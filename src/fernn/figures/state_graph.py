"""Cycles of a model's states beside the period of what it sees.

States, clustered, and the transitions between clusters make a graph. A dot is one seed
of one model: across, the share of transitions that go to the most frequent successor of
their cluster; up, the share of sequences whose cycle in the graph is as long as the
period of the sequence on the torus. Left while true frames are fed, right in the
roll-out.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import xarray as xr
from matplotlib.figure import Figure

from fernn.drawing import parts
from fernn.drawing.style import PAGE, looks_of, theme
from fernn.evaluation import aggregate
from fernn.evaluation.numbers import Number, over_seeds

SHOWS = {"state_graph": {"statistic": "state_graph"}}
RUNS = {"driven": "true frames", "rollout": "roll-out"}


@theme
def draw(cubes: Sequence[xr.Dataset]) -> Figure:
    """A row of two panels for each `state_graph` cube."""
    figure = Figure(figsize=(PAGE, 0.4 + 2.2 * len(cubes)))
    grid = figure.subplots(len(cubes), len(RUNS), squeeze=False)
    looks = looks_of(cubes, baselines=False)
    for row, cube in zip(grid, cubes, strict=True):
        share = recovered(cube)
        for axes, (run, words) in zip(row, RUNS.items(), strict=True):
            for name in aggregate.models(cube, baselines=False):
                look, at = looks[name], {"model": name, "run": run}
                style: dict[str, Any] = {"color": look.color, "marker": look.marker}
                x, y = (each.sel(at).values for each in (cube["determinism"], share))
                axes.plot(x, y, linestyle="none", label=look.label, alpha=0.8, **style)
            axes.set(xlabel="share of likely transitions", title=words)
            axes.set(ylabel="share of recovered periods", ylim=(-0.05, 1.05))
        row[0].set_title(f"{parts.title(cube)}: {RUNS['driven']}")
    note = f"dot: one seed of one model; {parts.seeds(cubes)}"
    parts.legend_of(figure, grid[:, 0], note)
    return figure


def recovered(cube: xr.Dataset) -> xr.DataArray:
    """The share of sequences whose cycle has the true period; NaN of no model."""
    right = (cube["period"] == cube["true_period"]).mean("sample")
    return right.where(cube["determinism"].notnull())


def numbers(cubes: Sequence[xr.Dataset]) -> Iterator[Number]:
    """Shares of recovered periods, in both runs."""
    for cube in cubes:
        share = recovered(cube)
        for name, about in aggregate.models(cube, baselines=False).items():
            for run, words in RUNS.items():
                quantity = f"share of recovered periods, {words}"
                values = share.sel(model=name, run=run).values
                yield over_seeds(cube, about["label"], quantity, values)
