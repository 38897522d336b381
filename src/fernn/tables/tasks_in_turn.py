"""The error of each task after each: forgetting of tasks that are learnt in turn.

A row for each experiment, model, task and task that was learnt last (*after*), from the
histories of trainings by strategies that tell such errors. *mse*: the mean squared
error on held-out sequences of the task, with the weights for it. *ratio*: over that
when the task itself had just been learnt; above 1 it is being forgotten, and a task
that is still to come has none. Mean ± standard deviation over seeds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
import xarray as xr

from fernn.evaluation import aggregate

SHOWS = {"strategy": {"statistic": "strategy_curves"}}
ONLY_LISTED = True
TASK = re.compile(r"task_(\d+)_(.+)")  # of quantities: its number, and what it is
COLUMNS = ("experiment", "model", "seeds", "task", "after")
COLUMNS += ("mse_mean", "mse_std", "ratio_mean", "ratio_std")
NOTE = (
    "mse: of the task's held-out sequences with the weights for it, after a task was"
    " learnt. ratio: over that when the task itself had just been learnt."
)


def tabulate(cubes: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row for each model, task and task learnt last."""
    rows = [row for cube in cubes for row in _of_cube(cube)]
    table = pd.DataFrame(rows, columns=pd.Index(COLUMNS))
    table.attrs["notes"] = [NOTE]
    return table


def _of_cube(cube: xr.Dataset) -> Iterator[dict[str, Any]]:
    for name, about in aggregate.models(cube).items():
        curves = cube["value"].sel(model=name).dropna("quantity", how="all")
        found = map(TASK.fullmatch, map(str, curves["quantity"].values))
        tasks = sorted((each for each in found if each), key=lambda m: int(m[1]))
        head = {"experiment": cube.attrs["experiment"], "model": about["label"]}
        for row in _matrix(curves, tasks) if tasks else ():
            yield head | {"seeds": cube.sizes["seed"]} | row


def _matrix(curves: xr.DataArray, tasks: list[re.Match]) -> Iterator[dict[str, Any]]:
    """The rows of a model."""
    stage = curves.sel(quantity="stage").isel(seed=0).values.tolist()
    ends = [len(stage) - 1 - stage[::-1].index(task) for task in range(len(tasks))]
    labels = [each[2].replace("_", " ") for each in tasks]
    for task, named in enumerate(tasks):
        errors = curves.sel(quantity=named[0])
        learnt = errors.isel(epoch=ends[task])
        for after, end in enumerate(ends):
            error = errors.isel(epoch=end)
            row = {"task": labels[task], "after": labels[after]}
            row |= aggregate.columns("mse", error)
            if after >= task:
                row |= aggregate.columns("ratio", error / learnt)
            yield {"ratio_mean": math.nan, "ratio_std": math.nan} | row
