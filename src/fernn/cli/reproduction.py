"""Write how each item of the paper is reproduced, with our and the published numbers.

Numbers come from the cubes of the plan's budget, hours from its benchmarks or from an
estimate; what is missing is reported as not run. The settings of each budget are
compared with the published ones key by key.

  fernn reproduction --plan results/demo/config.json --output reproduction.md
"""

from __future__ import annotations

import argparse
import json
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
    from fernn.config.resolve import resolve_comparable
    from fernn.tables import _reproduction, _reproduction_page
    from labrun.lineage import stamp
    from labrun.storage import write_text

    plan, results = _plan(args.plan), args.plan.parent
    others = resolve_comparable(configuration(args.configfile), plan["budget"])
    here = _hours(plan, results)
    beyond = here if _reproduction.comparable(plan) else {}
    for name, other in others.items():
        beyond |= _hours(other, results.parent / name)
    runs = [_reproduction.run_of(plan, results)]
    runs += [
        _reproduction.run_of(other, results.parent / name)
        for name, other in others.items()
    ]
    text = _reproduction_page.page(
        plan,
        runs,
        _reproduction.collect(plan, results),
        {item: (told, beyond.get(item, "–")) for item, told in here.items()},
        stamp(_reproduction.cubes_of(plan, results)),
    )
    write_text(text, args.output)


def _plan(path: Path) -> dict[str, Any]:
    """A plan as the workflow writes it.

    Raises:
        UserError: there is none, or it has no items of the paper or their numbers.
    """
    try:
        plan = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UserError(f"--plan: {path}: {reason}") from None
    for key in ("paper", "published", "missing"):
        if key not in plan:
            message = f"no `{key}`; write it again with `fernn config`"
            raise UserError(f"--plan: {path}: {message}")
    return plan


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
