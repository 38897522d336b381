"""Train one model with one seed and keep the weights that validate best.

A run that was stopped goes on from its last saved state, to the same bits. Stopped by
SIGTERM or SIGUSR1 it saves and exits with 75: continue me.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from fernn.cli import _run
from fernn.errors import UserError

CONTINUE_ME = 75


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    _run.add_data_arguments(parser)
    parser.add_argument("--seed", type=int, default=0, help="of the weights")
    parser.add_argument("--best", type=Path, help="tuned hyperparameters, from select")
    parser.add_argument("--output", required=True, type=Path, metavar="model.pt")


def run(args: argparse.Namespace) -> None:
    """Train, and write the checkpoint, its sidecar and the history."""
    from fernn.lineage import stamp
    from fernn.models import parameters
    from fernn.progress import progress
    from fernn.training.loop import Diverged, Interrupted, train
    from fernn.training.rolling import RollingStates

    tuned = json.loads(args.best.read_text())["params"] if args.best else {}
    model, train_split, val_split, settings = _run.prepare(args, args.seed, tuned)
    lineage = stamp(filter(None, [args.train, args.val, args.atlas, args.best]))
    identity = {
        "model": args.model,
        "settings": vars(settings),
        "data": lineage["inputs"],
    }
    folder = args.output.parent
    states = RollingStates(folder, identity)
    params = {**args.model, **vars(settings), "parameters": parameters(model)}
    with (
        _run.announced(folder, args, "train", params, lineage) as spool,
        progress(args.key, settings.steps) as advance,
    ):
        try:
            records, weights = train(
                model,
                train_split,
                val_split,
                settings,
                states,
                *_run.listeners(spool, advance),
            )
        except Diverged as error:
            spool.status("FAILED", str(error))
            raise UserError(f"{args.key}: {error}; lower the learning_rate") from None
        except Interrupted as error:
            spool.status("KILLED", str(error))
            print(f"{args.key}: {error}; run the same command to continue")
            raise SystemExit(CONTINUE_ME) from None
        _write(args.output, records, weights, args.model, train_split.size, lineage)
        best = min(record["validation_error"] for record in records)
        spool.metrics(settings.steps, {"val/best_mse": best})
        spool.status("FINISHED")
    states.clear()


def _write(
    path: Path, records: list, weights: dict, spec: dict, size: int, lineage: dict
) -> None:
    import numpy as np
    import xarray as xr

    from fernn import checkpoint
    from fernn.storage import write_dataset

    columns = {name: [record[name] for record in records] for name in records[0]}
    epochs = np.array(columns.pop("epoch"))
    history = xr.Dataset(
        {name: ("epoch", np.array(values)) for name, values in columns.items()},
        coords={"epoch": epochs},
        attrs={"lineage": json.dumps(lineage)},
    )
    write_dataset(history, path.with_name("history.nc"))
    checkpoint.save(path, weights, {"model": spec, "frame_size": size}, lineage)
