"""The page of the reproduction: what makes each item of the paper, and its numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from fernn.evaluation.comparison import listed, reading
from fernn.evaluation.numbers import NOT_KNOWN, NOT_PUBLISHED, Number
from fernn.tables import _numbers, _write
from fernn.tables._reproduction import Run, shown
from labrun import modules

NOTES = (
    "ours: mean ± standard deviation over the seeds, whose number stands beside it; of"
    " 0 seeds, nothing was run. Errors of a seed that diverged are infinite.",
    "A model *over* or *minus* another is what is claimed: the ratio, or the"
    " difference, of their numbers, ours paired over seeds.",
    "*not comparable*: the settings that are named are not the published ones, so the"
    " two numbers say nothing of each other; *not known*: the paper has such a number,"
    " which no source at hand tells; *not run*: there is no cube.",
)
HOURS = (
    "job-hours: all jobs that wait for a model, those that several items share"
    " counted in each; *measured* by the workflow's benchmarks of this budget, or"
    " *estimated* by `fernn estimate` where a job has none. GPU-hours: estimated at"
    " the rate that `fernn estimate` assumes of a GPU, within a factor 5."
)


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
        runs: of the plan's budget, then of others that have comparable numbers.
        numbers: of every item, see `_reproduction.collect`.
        hours: device hours of every item, at this budget and at the published sizes.
        lineage: of `labrun.lineage.stamp`, written as a comment.
    """
    run, *others = runs
    text = json.dumps(lineage, sort_keys=True)
    sections = {
        "# Reproduction": _head(run, others),
        "## Items": [_overview(plan, run, numbers, hours)],
        "## Items that are missing": _missing(plan),
        "## Beside the published numbers": _table(_compared(plan, numbers)),
        "## Numbers of which none is published": _table(_others(numbers)),
        "## Settings that are not the published ones": _settings(plan),
        "## How to read it": _bullets([*NOTES, *_sources(plan)]),
    }
    parts = ["\n".join([title, "", *lines, ""]) for title, lines in sections.items()]
    return "\n".join([*parts, f"<!-- lineage: {text} -->"]) + "\n"


def _bullets(lines: Sequence[str]) -> list[str]:
    return [f"* {line}" for line in lines]


def _table(table: pd.DataFrame) -> list[str]:
    return [_write.markdown(table)] if len(table) else ["None."]


def _title(item: str) -> str:
    """The name as the paper writes it."""
    return item.replace("_", " ").capitalize()


def _head(run: Run, others: Sequence[Run]) -> Iterator[str]:
    plan = f"results/{run.budget}/config.json"
    yield f"Written by `fernn reproduction --plan {plan}`; do not edit."
    yield ""
    yield f"The numbers are of the budget **{run.budget}**. {run} {_settled(run)}"
    for other in others:
        yield f"{_settled(other)} **{other}**"


def _settled(run: Run) -> str:
    """In which experiments of a budget the settings are the published ones."""
    if not run.comparable:
        return "None of its settings are wholly the published ones."
    names = ", ".join(f"`{name}`" for name in run.comparable)
    return f"The settings of `{run.budget}` are the published ones in {names}."


def _missing(plan: Mapping[str, Any]) -> list[str]:
    """The items of the paper that nothing here shows, and why."""
    told = [f"{_title(item)}: {why}." for item, why in plan["missing"].items()]
    return _bullets(told or ["None."])


def _compared(
    plan: Mapping[str, Any], numbers: Mapping[str, Sequence[Number]]
) -> pd.DataFrame:
    """A row for each number and claim that has a published one."""
    return pd.DataFrame(
        [
            {"item": _title(item), **_row(plan, number)}
            for item, found in numbers.items()
            for number in found
            if _beside(number)
        ]
    )


def _beside(number: Number) -> bool:
    """Whether a number of the paper stands beside ours, or should."""
    return number.verdict == NOT_KNOWN or not math.isnan(number.published_mean)


def _row(plan: Mapping[str, Any], number: Number) -> dict[str, Any]:
    return {
        "experiment": _linked(plan, number.experiment),
        "model": number.model,
        "quantity": number.quantity,
        "seeds": number.seeds,
        "ours_mean": number.mean,
        "ours_std": number.std,
        "published_mean": number.published_mean,
        "published_std": number.published_std,
        "apart": _apart(number),
        "verdict": number.verdict,
    }


def _linked(plan: Mapping[str, Any], called: str) -> str:
    """An experiment, with a link to what else differs from the published one."""
    about = plan["experiments"].get(called.partition("/")[0], {}).get("attrs", {})
    page = (about.get("published") or {}).get("deviations")
    return f"[{called}]({page})" if page else called


def _apart(number: Number) -> str:
    """How far apart the two are, with the interval."""
    if math.isnan(number.apart):
        return _numbers.ABSENT
    ends = [number.apart, number.apart_low, number.apart_high]
    value, low, high = (f"{end:.3g}" for end in ends)
    return value if math.isnan(number.apart_low) else f"{value} [{low}, {high}]"


def _others(numbers: Mapping[str, Sequence[Number]]) -> pd.DataFrame:
    """A row for each quantity of an experiment: our models beside each other."""
    rows: dict[tuple, list[str]] = {}
    for item, found in numbers.items():
        for each in found:
            if not _beside(each):
                key = (_title(item), each.experiment, each.quantity, each.seeds)
                value = f"{each.model} {_numbers.plain(each.mean, each.std)}"
                told = value if each.verdict == NOT_PUBLISHED else each.verdict
                rows.setdefault(key, []).append(told)
    names = ("item", "experiment", "quantity", "seeds", "ours")
    return pd.DataFrame(
        [[*key, "; ".join(models)] for key, models in rows.items()], columns=names
    )


def _settings(plan: Mapping[str, Any]) -> list[str]:
    """Of each experiment that has published numbers, what is not as published."""
    told = [
        line
        for name, spec in plan["experiments"].items()
        if (line := listed(_linked(plan, name), spec["attrs"]["models"]))
    ]
    return _bullets(told or ["None."])


def _sources(plan: Mapping[str, Any]) -> list[str]:
    """How verdicts are read, and what is published of the items, each once."""
    modules_of = [(modules.load(f"fernn.{group}", n), n) for group, n in shown(plan)]
    named = [name for _, name in modules_of]
    known = [k for k in plan["published"].values() if k["shown"] in named]
    notes = [reading(entry) for entry in known if entry["values"]]
    notes += [note for entry in known for note in entry["source"]]
    own = [module.SOURCE for module, _ in modules_of if hasattr(module, "SOURCE")]
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
        files = [f"`{g}/{name}.{suffix[g]}`" for g, name in shown(plan, item)]
        here, beyond = hours[item]
        rows.append(
            {
                "item": _title(item),
                "target": f"`{item}`",
                "command": f"`snakemake {item} {options}`",
                "files": ", ".join(files) or "none",
                "job-hours": here,
                "GPU-hours, published settings": beyond,
                "numbers": str(len(found) or "a picture"),
            }
        )
    table = pd.DataFrame(rows)
    table.attrs["notes"] = [HOURS]
    return _write.markdown(table)
