"""Choose a study's best hyperparameters; every trial must have ended.

The study is the journal of the workers; one that was made in rounds gets a journal of
its own, `batch.journal` beside its results.
"""

from __future__ import annotations

import argparse
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

    write_json(choose(args.results, args.trials), args.output)
