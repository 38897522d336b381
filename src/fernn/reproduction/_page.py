"""The page: what makes each item, what it costs, and how its numbers compare."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

import pandas as pd

from fernn.reproduction._number import Number
from fernn.tables import _published, _write
from fernn.tables._verdict import TOLERANCE

NOTES = (
    "ours: mean ± standard deviation over the seeds, whose number stands beside it; of"
    " 0 seeds, nothing was run. Errors of a seed that diverged are infinite.",
    "verdict: *reproduced* within twice the combined standard deviation of the"
    f" published value or within {TOLERANCE:.0%} of it, *better* or *worse* beyond;"
    " *not comparable* where sizes or protocol are not the published ones, whatever the"
    " numbers; *not run* without a cube; *not published* where no number is known.",
    _published.SOURCE,
    _published.ACTIONS_SOURCE,
    _published.SLOWDOWN_SOURCE,
    _published.EVIDENCE,
)


@dataclass(frozen=True)
class Item:
    """What makes an item of the paper.

    Attributes:
        name: the target.
        files: it makes.
        here: device hours at this budget, in words.
        published: device hours at the published size, in words.
        numbers: of the item; none for a picture.
    """

    name: str
    files: Sequence[str]
    here: str
    published: str
    numbers: Sequence[Number]

    @property
    def title(self) -> str:
        """The name as the paper writes it."""
        return self.name.replace("_", " ").capitalize()


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


def page(
    run: Run, published: Sequence[Run], items: Sequence[Item], lineage: Mapping
) -> str:
    """The page as Markdown.

    Args:
        run: of the budget that the numbers are from.
        published: of the budgets with the published sizes.
        items: of the paper.
        lineage: of `labrun.lineage.stamp`, written as a comment.
    """
    lines = ["# Reproduction", "", *_head(run, published), "", "## Items", ""]
    lines += [_overview(run, items), "", "## Numbers", "", _numbers(items)]
    lines += ["## How to read it", "", *(f"* {note}" for note in NOTES)]
    text = json.dumps(lineage, sort_keys=True)
    return "\n".join([*lines, "", f"<!-- lineage: {text} -->"]) + "\n"


def _head(run: Run, published: Sequence[Run]) -> Iterator[str]:
    plan = f"results/{run.budget}/config.json"
    yield f"Written by `fernn reproduction --plan {plan}`; do not edit."
    yield ""
    if run.budget in [other.budget for other in published]:
        yield f"{run} Its sizes are the published ones."
        return
    yield f"The numbers are of the budget **{run.budget}**, whose sizes are not the"
    yield f"published ones. {run}"
    for other in published:
        yield f"The published sizes are those of `{other.budget}`. **{other}**"


def _overview(run: Run, items: Sequence[Item]) -> str:
    options = f"--cores 2 --config budget={run.budget}"
    rows = [
        {
            "item": item.title,
            "target": f"`{item.name}`",
            "command": f"`snakemake {item.name} {options}`",
            "files": ", ".join(f"`{name}`" for name in item.files) or "none",
            "job-hours": item.here,
            "GPU-hours, published size": item.published,
            "numbers": str(len(item.numbers) or "a picture"),
        }
        for item in items
    ]
    notes = (
        "job-hours: all jobs that wait for a model, those that several items share"
        " counted in each; *measured* by the workflow's benchmarks of this budget, or"
        " *estimated* by `fernn estimate` where a job has none. GPU-hours: estimated at"
        " the rate that `fernn estimate` assumes of a GPU, within a factor 5."
    )
    table = pd.DataFrame(rows)
    table.attrs["notes"] = [notes]
    return _write.markdown(table)


def _numbers(items: Sequence[Item]) -> str:
    rows = [
        {"item": item.title, **_row(number)}
        for item in items
        for number in item.numbers
    ]
    return _write.markdown(pd.DataFrame(rows))


def _row(number: Number) -> dict:
    row = asdict(number)
    ours = {"ours_mean": row.pop("mean"), "ours_std": row.pop("std")}
    published = {name: row.pop(f"published_{name}") for name in ("mean", "std")}
    verdict = row.pop("verdict")
    named = {f"published_{name}": value for name, value in published.items()}
    return {**row, **ours, **named, "verdict": verdict}
