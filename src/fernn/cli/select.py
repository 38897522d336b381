"""Choose a study's best hyperparameters; every trial must have ended.

A best value at the edge of its range is reported: a better one may lie beyond.

The study is the journal of the workers; a study that was made in rounds gets its own
journal, `batch.journal`, in the folder of its results.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--results",
        nargs="+",
        required=True,
        type=Path,
        metavar="DONE.json",
        help="what all its `tune` or all its `trial` wrote",
    )
    parser.add_argument("--trials", required=True, type=int, help="expected of them")
    parser.add_argument("--output", required=True, type=Path, metavar="best.json")


def run(args: argparse.Namespace) -> None:
    """Write the best parameters and all trials."""
    from labrun.storage import write_json
    from labrun.tuning.batch import choose
    from labrun.tuning.edges import words

    best = choose(args.results, args.trials)
    for name, edge in best["edges"].items():
        print(f"fernn: warning: {words(name, edge)}", file=sys.stderr, flush=True)
    write_json(best, args.output)
