"""The page of the reproduction: what makes each item of the paper, and its numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from fernn.evaluation import aggregate
from fernn.evaluation.numbers import TOLERANCE, Number, published
from fernn.tables import _write
from labrun import modules
from labrun.errors import UserError
from labrun.spool import NAME
from labrun.storage import read_dataset

GROUPS = ("figures", "tables")
NOT_RUN = "not run"
NOTES = (
    "ours: mean ± standard deviation over the seeds, whose number stands beside it; of"
    " 0 seeds, nothing was run. Errors of a seed that diverged are infinite.",
    "verdict: *reproduced* within twice the combined standard deviation of the"
    f" published value or within {TOLERANCE:.0%} of it, *better* or *worse* beyond;"
    " *not comparable* where sizes or protocol are not the published ones, whatever the"
    " numbers; *not run* without a cube; *not published* where no number is known.",
)
HOURS = (
    "job-hours: all jobs that wait for a model, those that several items share"
    " counted in each; *measured* by the workflow's benchmarks of this budget, or"
    " *estimated* by `fernn estimate` where a job has none. GPU-hours: estimated at"
    " the rate that `fernn estimate` assumes of a GPU, within a factor 5."
)


@dataclass(frozen=True)
class Run:
    """A budget, and how many of the cubes that it should have are there."""

    budget: str
    cubes: int
    wanted: int

    def __str__(self) -> str:
        if not self.cubes:
            return f"The budget `{self.budget}` has not been run: it has no cubes."
        there = f"{self.cubes} of {self.wanted} cubes"
        return f"Of the budget `{self.budget}` {there} are there."


def run_of(plan: Mapping[str, Any], results: Path) -> Run:
    """How much of a budget has been run; `results` is its folder."""
    experiments = plan["experiments"].items()
    names = [f"{name}/{axis}" for name, spec in experiments for axis in spec["axes"]]
    there = sum(path_of(results, name).exists() for name in names)
    return Run(plan["budget"], there, len(names))


def path_of(results: Path, cube: str) -> Path:
    """Where a cube lies below the results of a budget.

    Raises:
        UserError: its name leads elsewhere.
    """
    if not all(map(NAME.fullmatch, cube.split("/"))):
        raise UserError(f"the plan names no cube by {cube!r}")
    return results / "cubes" / f"{cube}.nc"


def cubes_of(plan: Mapping[str, Any], results: Path) -> set[Path]:
    """The files of the cubes of all items that are there."""
    names = {c for group, name in _shown(plan) for c in plan[group][name]}
    return {path for name in names if (path := path_of(results, name)).exists()}


def _shown(plan: Mapping[str, Any], item: str | None = None) -> list[tuple[str, str]]:
    """The figures and tables of an item, or of all, each with its group."""
    items = plan["paper"].values() if item is None else [plan["paper"][item]]
    return [(group, n) for shown in items for group in GROUPS for n in shown[group]]


def collect(plan: Mapping[str, Any], results: Path) -> dict[str, list[Number]]:
    """The numbers of every item, which its figures and tables offer as `numbers`.

    What is missing is reported as not run.

    Args:
        plan: from `fernn config`.
        results: the folder of its budget.
    """
    return {
        item: [
            number
            for group, name in _shown(plan, item)
            for number in _numbers(plan, group, name, results)
        ]
        for item in plan["paper"]
    }


def _numbers(
    plan: Mapping[str, Any], group: str, name: str, results: Path
) -> Iterator[Number]:
    """Numbers of the cubes that are there, then those that are published only."""
    module = modules.load(f"fernn.{group}", name)
    if not hasattr(module, "numbers"):
        return
    paths = {cube: path_of(results, cube) for cube in plan[group][name]}
    cubes = [read_dataset(path) for path in paths.values() if path.exists()]
    if cubes:
        yield from module.numbers(cubes)
    for cube, path in paths.items():
        if not path.exists():
            yield _missing(cube.partition("/")[0], "–")
    quantity = getattr(module, "QUANTITY", "–")
    measured = {pair for cube in cubes for pair in _compared(cube)}
    for entry, known in plan["published"].items():
        for model, value in known["values"].items():
            if known["shown"] == name and (entry, model) not in measured:
                std = math.nan if value["std"] is None else value["std"]
                numbers = value["mean"], std
                yield _missing("–", value["label"], quantity, *numbers)


def _compared(cube: xr.Dataset) -> Iterator[tuple[str, str]]:
    """The published entry and the model of each number that a cube is compared with."""
    for entry in published([cube]):
        for model, about in aggregate.models(cube).items():
            if about["published"]:
                yield entry, model


def _missing(
    experiment: str,
    model: str,
    quantity: str = "–",
    mean: float = math.nan,
    std: float = math.nan,
) -> Number:
    nan = math.nan
    return Number(experiment, model, quantity, nan, nan, 0, mean, std, NOT_RUN)


def page(
    plan: Mapping[str, Any],
    runs: Sequence[Run],
    numbers: Mapping[str, Sequence[Number]],
    hours: Mapping[str, tuple[str, str]],
    lineage: Mapping[str, Any],
) -> str:
    """The page as Markdown.

    Args:
        plan: from `fernn config`.
        runs: of the plan's budget, then of the budgets with the published sizes.
        numbers: of every item, see `collect`.
        hours: device hours of every item, at this budget and at the published size.
        lineage: of `labrun.lineage.stamp`, written as a comment.
    """
    run, *others = runs
    rows = [
        {"item": _title(item), **_row(number)}
        for item, found in numbers.items()
        for number in found
    ]
    notes = [*NOTES, *_sources(plan)]
    lines = ["# Reproduction", "", *_head(run, others), "", "## Items", ""]
    lines += [_overview(plan, run, numbers, hours), "", "## Numbers", ""]
    lines += [_write.markdown(pd.DataFrame(rows)), "## How to read it", ""]
    lines += [f"* {note}" for note in notes]
    text = json.dumps(lineage, sort_keys=True)
    return "\n".join([*lines, "", f"<!-- lineage: {text} -->"]) + "\n"


def _title(item: str) -> str:
    """The name as the paper writes it."""
    return item.replace("_", " ").capitalize()


def _head(run: Run, others: Sequence[Run]) -> Iterator[str]:
    plan = f"results/{run.budget}/config.json"
    yield f"Written by `fernn reproduction --plan {plan}`; do not edit."
    yield ""
    if run.budget in [other.budget for other in others]:
        yield f"{run} Its sizes are the published ones."
        return
    yield f"The numbers are of the budget **{run.budget}**, whose sizes are not the"
    yield f"published ones. {run}"
    for other in others:
        yield f"The published sizes are those of `{other.budget}`. **{other}**"


def _sources(plan: Mapping[str, Any]) -> list[str]:
    """The footnotes on what is published of the items, each once."""
    shown = [(modules.load(f"fernn.{group}", n), n) for group, n in _shown(plan)]
    named = [name for _, name in shown]
    known = [k for k in plan["published"].values() if k["shown"] in named]
    notes = [note for entry in known for note in entry["source"]]
    own = [module.SOURCE for module, _ in shown if hasattr(module, "SOURCE")]
    return [*dict.fromkeys([*notes, *own])]


def _overview(
    plan: Mapping[str, Any],
    run: Run,
    numbers: Mapping[str, Sequence[Number]],
    hours: Mapping[str, tuple[str, str]],
) -> str:
    options = f"--cores 2 --config budget={run.budget}"
    suffix = {"figures": "pdf", "tables": "md"}
    rows = []
    for item, found in numbers.items():
        files = [f"`{g}/{name}.{suffix[g]}`" for g, name in _shown(plan, item)]
        here, beyond = hours[item]
        rows.append(
            {
                "item": _title(item),
                "target": f"`{item}`",
                "command": f"`snakemake {item} {options}`",
                "files": ", ".join(files) or "none",
                "job-hours": here,
                "GPU-hours, published size": beyond,
                "numbers": str(len(found) or "a picture"),
            }
        )
    table = pd.DataFrame(rows)
    table.attrs["notes"] = [HOURS]
    return _write.markdown(table)


def _row(number: Number) -> dict[str, Any]:
    row = asdict(number)
    ours = {f"ours_{name}": row.pop(name) for name in ("mean", "std")}
    ours |= {f"published_{k}": row.pop(f"published_{k}") for k in ("mean", "std")}
    verdict = row.pop("verdict")
    return {**row, **ours, "verdict": verdict}
