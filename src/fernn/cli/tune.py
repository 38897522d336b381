"""Work on a study: run Optuna trials of one model until there are as many as asked.

Trial 0 has the hyperparameters as given. Any number of workers share the journal; the
number of trials is exact, and a worker started again goes on with what was cut off.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from fernn.cli import _run, _trial
from labrun import slurm
from labrun.slurm import Countdown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    _run.add_data_arguments(parser)
    _trial.add_tuning_argument(parser)
    _trial.add_study_argument(parser)
    parser.add_argument("--output", required=True, type=Path, metavar="DONE.json")


def run(args: argparse.Namespace) -> None:
    """Fill free slots of the study until there are none, and say which."""
    from labrun.lineage import stamp
    from labrun.storage import write_json
    from labrun.tuning.study import Search, work

    spec = args.tuning
    search = Search(spec["trials"], _trial.points(args), spec["ranges"])
    lineage = stamp(_run.inputs(args))
    journal = args.study / f"{_identity(args, lineage)}.journal"
    left = Countdown(slurm.seconds_to_work())

    def objective(trial: Any, params: dict[str, Any]) -> float:
        return _objective(args, trial, params, lineage, left)

    slots = work(journal, search, objective)
    record = {"journal": journal.name, "lineage": lineage, "slots": slots}
    write_json(record, args.output)


def _identity(args: argparse.Namespace, lineage: dict) -> str:
    """A study of other settings or data is another file; more trials are not."""
    from labrun.lineage import fingerprint

    tuning = {k: v for k, v in args.tuning.items() if k != "trials"}
    parts = {"model": args.model, "training": args.training, "tuning": tuning}
    return fingerprint({**parts, "data": lineage["inputs"]})[:12]


def _objective(
    args: argparse.Namespace,
    trial: Any,
    params: dict[str, Any],
    lineage: dict,
    left: Countdown,
) -> float:
    """Train briefly; the best validation error. Raises what ends the trial early."""
    from labrun.tuning.study import TrialPruned

    def on_epoch(record: dict[str, float]) -> None:
        trial.report(record["validation_error"], int(record["epoch"]))
        if trial.should_prune():
            raise TrialPruned

    slot = trial.user_attrs["slot"]
    return _trial.train_briefly(args, slot, params, lineage, left, on_epoch)
