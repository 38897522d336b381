"""Estimate the cost of a run beforehand: hours, wall time, memory, disk.

Numbers come from the benchmark files of earlier runs of the budget or, where there are
none, from the operations of each model; every row names its source. No job is run.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from fernn.cli._arguments import add_configuration, configuration
from labrun.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    add_configuration(parser)
    parser.add_argument(
        "--results",
        type=Path,
        metavar="FOLDER",
        help="of earlier runs; results by default",
    )
    parser.add_argument(
        "--gpus",
        "--workers",
        type=int,
        default=1,
        metavar="N",
        help="jobs at a time, for the wall time; 1 by default",
    )
    speed = parser.add_mutually_exclusive_group()
    speed.add_argument(
        "--device",
        choices=["here"],
        help="time steps of each model on this machine, a few seconds",
    )
    speed.add_argument(
        "--tflops",
        type=float,
        metavar="X",
        help="that training achieves on the device, not its peak",
    )
    parser.add_argument("--output", type=Path, metavar="ESTIMATE.json")


def run(args: argparse.Namespace) -> None:
    """Estimate, print, write."""
    import json

    from fernn.config.resolve import resolve
    from labrun.estimate.text import lines

    plan = resolve(configuration(args.configfile), args.budget)
    estimate = _estimate(args, plan)
    for line in lines(estimate):
        print(line)
    if args.output:
        from labrun.storage import write_text

        write_text(json.dumps(estimate, indent=1) + "\n", args.output)


def _estimate(args: argparse.Namespace, plan: dict[str, Any]) -> dict[str, Any]:
    from fernn.estimate.disk import disk
    from fernn.estimate.jobs import earlier, jobs
    from labrun.estimate.cost import costs, summary
    from labrun.estimate.text import sources

    speed = _speed(args)
    results = _results(args.results) / plan["budget"]
    made = jobs(plan)
    cost = costs(made, earlier(results, plan), speed)
    return {
        "budget": plan["budget"],
        **summary(made, cost, args.gpus),
        "disk": disk(plan, results),
        "sources": sources(str(results / "benchmarks"), speed),
    }


def _results(folder: Path | None) -> Path:
    """The folder of results; one that was named must be there."""
    if folder and not folder.is_dir():
        raise UserError(f"--results: no such folder: {folder}")
    return folder or Path("results")


def _speed(args: argparse.Namespace) -> Any:
    from fernn.estimate.speed import Assumed, Here

    if args.gpus < 1:
        raise UserError(f"--gpus must be at least 1, got {args.gpus}")
    if args.device:
        return Here()
    if args.tflops is None:
        return Assumed()
    if not 0 < args.tflops < float("inf"):
        raise UserError(f"--tflops must be positive, got {args.tflops:g}")
    return Assumed(args.tflops)
