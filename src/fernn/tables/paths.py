"""Shortest paths in graphs of states: how many plans lead to their goal.

A plan is a shortest path in the graph of a model's states on a random walk; it succeeds
if it ends at the goal, in no more steps than the shortest path in the graph of true
places. Beside it the graph of pixels and a random walk, the controls, which no model
enters. Shares of the pairs, means over worlds and seeds, ± the standard deviation over
seeds; *codes* are clusters of the states, *places* those of the walk.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import xarray as xr

from fernn.evaluation import aggregate

SHOWS = {"paths": {"statistic": "paths"}}
NOTE = (
    "A map is given the steps of the agent, and need not learn what they do to its"
    " place."
)


def tabulate(cubes: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row for each cube and model."""
    rows = [
        {"experiment": called, **_row(cube.sel(model=name), about)}
        for cube, called in zip(cubes, aggregate.names(cubes, SHOWS), strict=True)
        for name, about in aggregate.models(cube).items()
    ]
    table = pd.DataFrame(rows)
    table.attrs["notes"] = [NOTE]
    return table


def _row(own: xr.Dataset, about: dict) -> dict:
    share = own["success"].mean("sample")
    mean, std = aggregate.mean_and_std(
        share.sel(graph="state"), about["role"] == "baseline"
    )
    return {
        "model": about["label"],
        "state_mean": mean,
        "state_std": std,
        "pixels": float(share.sel(graph="pixels").mean()),
        "random": float(share.sel(graph="random").mean()),
        "codes": float(own["codes"].sel(graph="state").mean()),
        "places": float(own["places"].mean()),
    }
