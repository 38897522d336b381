"""Train one trial of a round and write how it ended, also if it diverged.

A trial that was stopped goes on from its last saved state, to the same bits. Stopped by
SIGTERM or SIGUSR1 it saves and exits with 75: continue me.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from fernn.cli import _gpu_memory, _run, _trial
from labrun import slurm
from labrun.errors import Damaged, UserError, shown
from labrun.slurm import Countdown

COMPUTES = True  # on a GPU, if there is one


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    _run.add_data_arguments(parser)
    parser.add_argument(
        "--asked", required=True, type=Path, metavar="ROUND.json", help="from ask"
    )
    parser.add_argument("--slot", required=True, type=int, help="of the round's")
    _trial.add_study_argument(parser)
    parser.add_argument("--output", required=True, type=Path, metavar="TRIAL.json")


def gpu_memory(args: argparse.Namespace) -> float:
    """Bytes of a GPU that a run of the command takes."""
    params = _asked(args)["slots"][str(args.slot)]
    return _gpu_memory.of_training(_run.tuned(args, params))


def run(args: argparse.Namespace) -> None:
    """Train, and write the result."""
    from labrun.json_lines import plain
    from labrun.lineage import stamp
    from labrun.storage import write_json

    asked = _asked(args)
    data = _run.inputs(args)
    ended = _result(args, asked, stamp(data))
    record = {**ended.record(), "lineage": stamp([*data, args.asked])}
    write_json(dict(sorted(plain(record).items())), args.output)


def _asked(args: argparse.Namespace) -> dict[str, Any]:
    """The round, which has hyperparameters for the slot."""
    from labrun.storage import read_json

    asked = read_json(args.asked, slots=dict, ranges=dict)
    if str(args.slot) not in asked["slots"]:
        known = ", ".join(asked["slots"])
        raise UserError(f"--slot {args.slot} is not of {args.asked}, which has {known}")
    params = asked["slots"][str(args.slot)]
    if not isinstance(params, dict):
        raise Damaged(args.asked, f"hyperparameters are needed, found {shown(params)}")
    return asked


def _result(args: argparse.Namespace, asked: dict[str, Any], lineage: dict) -> Any:
    """Train; a divergence is a result too."""
    from labrun.tuning.batch import Result

    params, errors, failure = asked["slots"][str(args.slot)], [], ""

    def on_epoch(epoch: int, error: float) -> None:
        errors.append(error)

    left = Countdown(slurm.seconds_to_work())
    told = (lineage, left, on_epoch)
    try:
        _trial.train_briefly(args, args.slot, params, *told, keep=True)
    except ArithmeticError as error:
        failure = str(error)
    return Result(args.slot, params, asked["ranges"], errors, failure)
