"""Train one model with one seed and keep the weights that validate best.

A run that was stopped goes on from its last saved state, to the same bits. Stopped by
SIGTERM or SIGUSR1 it saves and exits with 75: continue me.
"""

from __future__ import annotations

import argparse
import json
import os
from functools import partial
from math import isfinite
from pathlib import Path

from fernn.cli import _run
from labrun import runs, slurm
from labrun.errors import UserError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    _run.add_data_arguments(parser)
    parser.add_argument(
        "--seed", type=int, default=0, help="of the run: see seed_draws"
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
    parser.add_argument("--output", required=True, type=Path, metavar="model.pt")


def run(args: argparse.Namespace) -> None:
    """Train, and write the checkpoint, its sidecar and the history."""
    from fernn.models import parameters
    from fernn.training import tasks
    from fernn.training.listeners import best_of, listeners
    from fernn.training.loop import Diverged, train
    from labrun.lineage import stamp
    from labrun.storage import read_json

    best = read_json(args.best, params=dict) if args.best else {"params": {}}
    args = _run.tuned(args, best["params"])
    model, strategy, *splits, settings = _run.prepare(args, args.seed)
    _require_shares(args.devices, settings.batch)
    data = _run.inputs(args)
    lineage = stamp([*data, args.best] if args.best else data)
    told = stamp(data)  # what `best` chose is in the settings, and no more of it counts
    identity = {"model": args.model, "settings": settings.given()}
    states = runs.states_of(args.output.parent, identity, told)
    how = {"strategy": strategy, "seconds": slurm.seconds_to_work()}
    work = partial(train, model, *splits, settings, states, devices=args.devices, **how)
    if int(os.environ.get("LOCAL_RANK", "0")):
        work()  # a further device: its share of every batch, and nothing to report
        return
    params = {**args.model, **settings.given(), "parameters": parameters(model)}
    about = {"stage": "train", "params": params, "tags": args.shown, "lineage": told}
    error = tasks.of(splits[0]).ERROR
    try:
        with runs.open_run(args.key, states, steps=settings.steps, **about) as opened:
            seconds: list[float] = []
            tell, on_step = listeners(opened.spool, opened.advance, error)

            def on_epoch(record: dict[str, float]) -> None:
                seconds.append(record["processor_seconds"])
                tell(record)

            records, weights = work(on_epoch=on_epoch, on_step=on_step)
            built, weights = strategy.kept(args.model, weights)
            spec = {"model": built, "frame_size": splits[0].size}
            spec["search"] = {name: best.get(name, {}) for name in ("params", "edges")}
            times = (
                {"processor_seconds": seconds} if all(map(isfinite, seconds)) else {}
            )
            _write(args.output, records, spec, weights, lineage, times)
            least = min(settings.decisive(record) for record in records)
            opened.spool.metrics(settings.steps, best_of(settings, error, least))
    except Diverged as reason:
        raise UserError(f"{args.key}: {reason}; lower the learning_rate") from None


def _require_shares(devices: int, batch: int) -> None:
    import torch

    if devices < 1 or batch % devices:
        raise UserError(f"--devices {devices} cannot share a batch of {batch} equally")
    found = torch.cuda.device_count() if torch.cuda.is_available() else devices
    if devices > found:
        raise UserError(f"--devices {devices}, but this machine offers {found}")


def _write(
    path: Path, records: list, spec: dict, weights: dict, lineage: dict, times: dict
) -> None:
    import numpy as np
    import xarray as xr

    from fernn import checkpoint
    from labrun.storage import write_dataset

    columns = {name: [record[name] for record in records] for name in records[0]}
    epochs = np.array(columns.pop("epoch"))
    history = xr.Dataset(
        {name: ("epoch", np.array(values)) for name, values in columns.items()},
        coords={"epoch": epochs},
        attrs={"lineage": json.dumps(lineage)},
    )
    write_dataset(history, path.with_name("history.nc"))
    checkpoint.save(path, weights, spec, lineage, times)
