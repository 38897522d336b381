"""Train one model with one seed, or several, and keep the weights that validate best.

A run that was stopped goes on from its last saved state, to the same bits. Stopped by
SIGTERM or SIGUSR1 it saves and exits with 75: continue me. Several seeds are trained as
one model where that is known to be right, and otherwise one after another.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from fernn.cli import _gpu_memory, _run
from labrun import slurm
from labrun.errors import UserError

COMPUTES = True  # on a GPU, if there is one


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    _run.add_data_arguments(parser)
    parser.add_argument(
        "--seed",
        type=int,
        nargs="+",
        default=[0],
        help="of the run: see seed_draws; of several, one run each: `{seed}` in paths"
        " of --needs is that of the run, and its key ends in seed-N",
    )
    parser.add_argument(
        "--best",
        nargs="?",
        type=Path,
        help="tuned hyperparameters, from select; without a file none are",
    )
    parser.add_argument(
        "--devices", type=int, default=1, help="of this machine, which share a batch"
    )
    parser.add_argument(
        "--output",
        required=True,
        nargs="+",
        type=Path,
        metavar="model.pt",
        help="one for each seed",
    )


def gpu_memory(args: argparse.Namespace) -> float:
    """Bytes of a GPU that a run of the command takes.

    Where a command before it in the process chooses the hyperparameters, they are
    those of the model as it is given.
    """
    from labrun.storage import read_json

    chosen = args.best and args.best.exists()
    params = read_json(args.best, params=dict)["params"] if chosen else {}
    return _gpu_memory.of_training(_run.tuned(args, params), len(args.seed))


def run(args: argparse.Namespace) -> None:
    """Train, and write the checkpoints, their sidecars and the histories."""
    from fernn.cli._training import Training, alone, together
    from fernn.training import stacked
    from labrun.storage import read_json

    _require_outputs(args)
    best = read_json(args.best, params=dict) if args.best else {"params": {}}
    args = _run.tuned(args, best["params"])
    trainings = [
        Training.prepare(args, best, *place)
        for place in zip(args.seed, args.output, strict=True)
    ]
    _require_shares(args.devices, trainings[0].settings.batch)
    left = slurm.Countdown(slurm.seconds_to_work())
    reason = stacked.objection(trainings[0].model, trainings[0].settings)
    if len(trainings) > 1 and reason is None:
        together(trainings, left)
        return
    if len(trainings) > 1:
        print(f"seeds one after another: {reason}", file=sys.stderr)
    for training in trainings:
        rank = int(os.environ.get("LOCAL_RANK", "0"))
        alone(training, left, rank, args.devices)


def _require_outputs(args: argparse.Namespace) -> None:
    if len(args.output) != len(args.seed) or len({*args.seed}) < len(args.seed):
        raise UserError(
            f"each seed has one --output: got {len({*args.seed})} seeds and"
            f" {len(args.output)} outputs"
        )
    if len(args.seed) > 1 and args.devices > 1:
        raise UserError(
            f"--devices {args.devices} share the batch of one seed, got"
            f" {len(args.seed)} seeds"
        )


def _require_shares(devices: int, batch: int) -> None:
    import torch

    if devices < 1 or batch % devices:
        raise UserError(f"--devices {devices} cannot share a batch of {batch} equally")
    found = torch.cuda.device_count() if torch.cuda.is_available() else devices
    if devices > found:
        raise UserError(f"--devices {devices}, but this machine offers {found}")
