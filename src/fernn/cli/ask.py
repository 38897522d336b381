"""Choose the hyperparameters of a round of trials from the results of earlier rounds.

The same results give the same hyperparameters. Trial 0 uses those of --training.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fernn.cli import _trial
from fernn.cli._arguments import mapping


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--training",
        required=True,
        type=mapping,
        metavar="SPEC",
        help="JSON or YAML: the hyperparameters of trial 0",
    )
    _trial.add_tuning_argument(parser)
    parser.add_argument("--round", required=True, type=int, help="from 0")
    parser.add_argument("--size", required=True, type=int, help="trials in a round")
    parser.add_argument(
        "--results",
        nargs="*",
        default=[],
        type=Path,
        metavar="TRIAL.json",
        help="of all earlier rounds",
    )
    parser.add_argument("--output", required=True, type=Path, metavar="ROUND.json")


def run(args: argparse.Namespace) -> None:
    """Write the hyperparameters of the round's slots."""
    from labrun.lineage import stamp
    from labrun.storage import write_json
    from labrun.tuning.batch import ask, read
    from labrun.tuning.study import Search

    ranges = args.tuning["ranges"]
    search = Search(0, _trial.points(args), ranges)
    results = [read(path) for path in args.results]
    record = {
        "lineage": stamp(args.results),
        "ranges": ranges,
        "round": args.round,
        "slots": ask(search, args.round, args.size, results),
    }
    write_json(record, args.output)
