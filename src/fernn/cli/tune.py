"""Work on a study: run Optuna trials of one model until there are as many as asked.

Trial 0 has the hyperparameters as given. Any number of workers share the journal; the
number of trials is exact, and a worker started again goes on with what was cut off.
"""

from __future__ import annotations

import argparse
import json
from functools import partial
from pathlib import Path
from typing import Any

from fernn.cli import _gpu_memory, _run, _trial
from labrun import slurm
from labrun.slurm import Countdown

COMPUTES = True  # on a GPU, if there is one


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    _run.add_data_arguments(parser)
    _trial.add_tuning_argument(parser)
    _trial.add_study_argument(parser)
    parser.add_argument(
        "--together",
        action="store_true",
        help="train the first trials that differ in the learning rate alone as one"
        " model, where that is known to be right",
    )
    parser.add_argument("--output", required=True, type=Path, metavar="DONE.json")


def gpu_memory(args: argparse.Namespace) -> float:
    """Bytes of a GPU that a run of the command takes."""
    groups = alike(_trial.points(args)) if args.together else []
    return _gpu_memory.of_trials(args, max(map(len, groups), default=1))


def run(args: argparse.Namespace) -> None:
    """Fill free slots of the study until there are none, and say which."""
    from labrun.lineage import stamp
    from labrun.storage import write_json
    from labrun.tuning.study import Search, report, tune

    spec = args.tuning
    points = _trial.points(args)
    groups = alike(points) if args.together else []
    search = Search(spec["trials"], points, spec["ranges"], groups=groups)
    lineage = stamp(_run.inputs(args))
    tuning = {k: v for k, v in spec.items() if k != "trials"}
    identity = {"model": args.model, "training": args.training, "tuning": tuning}
    left = Countdown(slurm.seconds_to_work())

    def objective(trial: Any, params: dict[str, Any]) -> float:
        def on_epoch(epoch: int, error: float) -> None:
            report(trial, epoch, error)

        slot = trial.user_attrs["slot"]
        return _trial.train_briefly(args, slot, params, lineage, left, on_epoch)

    def together(trials: list[Any]) -> list[float] | None:
        briefs = [
            _trial.Brief.prepare(args, t.user_attrs["slot"], dict(t.params), lineage)
            for t in trials
        ]
        # Epochs are reported, and none ends it: a group ends as a whole.
        tells = [partial(_reported, trial) for trial in trials]
        return _trial.train_together(briefs, left, tells)

    told = tune(args.study, search, identity, lineage, objective, together)
    write_json(told, args.output)


def alike(points: list[dict[str, Any]]) -> list[list[int]]:
    """The slots of points that differ in the learning rate alone, group by group."""
    groups: dict[str, list[int]] = {}
    for slot, point in enumerate(points):
        others = {name: point[name] for name in point if name != "learning_rate"}
        groups.setdefault(json.dumps(others, sort_keys=True), []).append(slot)
    return [*groups.values()]


def _reported(trial: Any, epoch: int, error: float) -> None:
    trial.report(error, epoch)
