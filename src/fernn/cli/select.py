"""Choose a study's best hyperparameters; every trial must have ended."""

from __future__ import annotations

import argparse
from pathlib import Path

from fernn.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--workers", nargs="+", required=True, type=Path, metavar="DONE.json"
    )
    parser.add_argument(
        "--trials", required=True, type=int, help="expected of all workers"
    )
    parser.add_argument("--output", required=True, type=Path, metavar="best.json")


def run(args: argparse.Namespace) -> None:
    """Write the best parameters and all trials."""
    import json

    from fernn.lineage import stamp
    from fernn.storage import write_text
    from fernn.tuning.study import best

    journals = {json.loads(path.read_text())["journal"] for path in args.workers}
    if len(journals) > 1:
        raise UserError(f"the workers are of different studies: {sorted(journals)}")
    journal = args.workers[0].parent / journals.pop()
    chosen, trials = best(journal, args.trials)
    record = {
        "lineage": stamp(args.workers),
        "params": chosen.params,
        "slot": chosen.user_attrs["slot"],
        "trials": [
            {
                "params": trial.params,
                "slot": trial.user_attrs["slot"],
                "state": trial.state.name,
                "value": trial.value,
            }
            for trial in trials
        ],
        "value": chosen.value,
    }
    write_text(json.dumps(record, indent=1) + "\n", args.output)
