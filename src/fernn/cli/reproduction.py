"""Write what reproduces each item of the paper, and its numbers beside the published.

Numbers come from the cubes of the plan's budget, hours from its benchmarks or from an
estimate; what is missing is told as not run. Which budgets have the published sizes is
read from the configuration.

  fernn reproduction --plan results/demo/config.json --output reproduction.md
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fernn.cli._arguments import add_configfile, configuration
from labrun.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--plan",
        type=Path,
        required=True,
        metavar="config.json",
        help="of the budget, in the folder of its results",
    )
    add_configfile(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="PAGE.md")


def run(args: argparse.Namespace) -> None:
    """Collect, estimate, write."""
    from fernn.reproduction._collect import collect, cubes_of, path_of
    from fernn.reproduction._page import Item, page
    from labrun.lineage import stamp
    from labrun.storage import write_text

    plan, results = _plan(args.plan), args.plan.parent
    others = {name: p for name, p in _published(configuration(args.configfile))}
    hours = _hours(plan, results)
    beyond = {}
    for name, other in others.items():
        beyond |= _hours(other, results.parent / name)
    numbers = collect(plan, results)
    items = [
        Item(item, _files(plan, item), hours[item], beyond.get(item, "–"), found)
        for item, found in numbers.items()
    ]
    runs = [_run_of(other, results.parent / name) for name, other in others.items()]
    wanted = [path_of(results, c) for item in numbers for c in cubes_of(plan, item)]
    lineage = stamp({path for path in wanted if path.exists()})
    write_text(page(_run_of(plan, results), runs, items, lineage), args.output)


def _plan(path: Path) -> dict[str, Any]:
    """A plan as the workflow writes it.

    Raises:
        UserError: there is none, or it names no items of the paper.
    """
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"--plan: {path}: {error}") from None
    if "paper" not in plan:
        raise UserError(f"--plan: {path}: no `paper`; write it anew by `fernn config`")
    return plan


def _published(files: list[Path]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The budgets of published size, each with its plan."""
    from fernn.config.positions import merge, read
    from fernn.config.resolve import resolve

    budgets = merge([read(path) for path in files]).get("budgets", {})
    for name, budget in budgets.items():
        if budget.get("published_size"):
            yield name, resolve(files, name)


def _files(plan: dict[str, Any], item: str) -> list[str]:
    shown = plan["paper"][item]
    figures = [f"figures/{name}.pdf" for name in shown["figures"]]
    return figures + [f"tables/{name}.md" for name in shown["tables"]]


def _hours(plan: dict[str, Any], results: Path) -> dict[str, str]:
    """Device hours of each item, and how they are known."""
    from fernn.estimate.jobs import earlier, jobs
    from fernn.estimate.speed import Assumed
    from labrun.estimate.cost import costs, device_hours
    from labrun.estimate.text import significant

    made = jobs(plan)
    cost = costs(made, earlier(results, plan), Assumed())
    told = {}
    for item, shown in plan["paper"].items():
        last = [("figure", name) for name in shown["figures"]]
        last += [("table", name) for name in shown["tables"]]
        hours, measured = device_hours(made, cost, last)
        how = "measured" if measured else "estimated"
        told[item] = f"{significant(hours)} {how}" if hours else "–"
    return told


def _run_of(plan: dict[str, Any], results: Path) -> Any:
    """How much of a budget has been run."""
    from fernn.reproduction._collect import path_of
    from fernn.reproduction._page import Run

    experiments = plan["experiments"].items()
    names = [f"{name}/{axis}" for name, spec in experiments for axis in spec["axes"]]
    there = sum(path_of(results, name).exists() for name in names)
    return Run(plan["budget"], there, len(names))
