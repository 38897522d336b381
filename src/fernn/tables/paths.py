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
        for cube, called, name, about in aggregate.entries(cubes, SHOWS)
    ]
    table = pd.DataFrame(rows)
    table.attrs["notes"] = [NOTE]
    return table


def _row(own: xr.Dataset, about: dict) -> dict:
    share = own["success"].mean("sample")
    baseline = about["role"] == "baseline"
    return {
        "model": about["label"],
        **aggregate.columns("state", share.sel(graph="state"), baseline),
        "pixels": float(share.sel(graph="pixels").mean()),
        "random": float(share.sel(graph="random").mean()),
        "codes": float(own["codes"].sel(graph="state").mean()),
        "places": float(own["places"].mean()),
    }
