"""Measure one model, all its seeds, on test sets: each axis has its statistic."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from fernn.cli import _run
from fernn.cli._arguments import mapping


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--name", required=True, help="the model's name in the cubes")
    model = parser.add_mutually_exclusive_group(required=True)
    model.add_argument("--checkpoints", nargs="+", type=Path, metavar="model.pt")
    model.add_argument("--baseline", type=mapping, metavar="SPEC")
    parser.add_argument("--seeds", nargs="+", type=int, required=True)
    parser.add_argument(
        "--axes",
        type=mapping,
        required=True,
        metavar="AXES",
        help="JSON or YAML: for each its statistic (a module of fernn.evaluation),"
        " recipe (the stem of its file) and spec (context, horizon, batch)",
    )
    parser.add_argument(
        "--recipes", nargs="+", default=[], type=Path, metavar="TEST.nc"
    )
    parser.add_argument("--atlas", type=Path, metavar="ATLAS.nc")
    _run.add_tracking_arguments(parser)
    parser.add_argument("--output", required=True, type=Path, metavar="SHARD.nc")


def run(args: argparse.Namespace) -> None:
    """Measure every axis and write the shard, in which each is a group."""
    import json

    import xarray as xr

    from fernn.allocator import keep_freed_memory
    from fernn.lineage import stamp
    from fernn.storage import write_dataset

    keep_freed_memory()
    groups = {axis: _measured(args, about) for axis, about in args.axes.items()}
    inputs = [*(args.checkpoints or []), *args.recipes, args.atlas]
    lineage = json.dumps(stamp(filter(None, inputs)))
    write_dataset(xr.Dataset(attrs={"lineage": lineage}), args.output, groups)
    _tell(args, groups)


def _measured(args: argparse.Namespace, about: dict[str, Any]) -> Any:
    """A statistic of all seeds; a baseline is equal for all of them."""
    import json

    from fernn.evaluation.cubes import shard
    from fernn.models import parameters, velocities
    from fernn.modules import load

    statistic = load("fernn.evaluation", about["statistic"])
    subjects = _subjects(args, about.get("recipe"))
    found = [_fitting(statistic, each, about.get("spec", {})) for each in subjects]
    joined = shard(
        found * (len(args.seeds) if args.baseline else 1), args.seeds, args.name
    )
    if args.checkpoints:
        model = subjects[0].model
        joined.attrs["parameters"] = parameters(model)
        joined.attrs["velocities"] = json.dumps(velocities(model))
    return joined


def _subjects(args: argparse.Namespace, recipe: str | None) -> list[Any]:
    from fernn.data.recipes import open_sequences
    from fernn.devices import allow_rounding, device
    from fernn.errors import UserError, nearest
    from fernn.evaluation._subject import Subject

    allow_rounding(False)
    place, sequences = device(), None
    files = {path.stem: path for path in args.recipes}
    if recipe in files:
        sequences = open_sequences(files[recipe], args.atlas, place)
    elif recipe:
        raise UserError(f"--recipes has no {recipe!r}; {nearest(recipe, files)}")
    checkpoints = args.checkpoints or [None]
    return [Subject(path, args.baseline, sequences, place) for path in checkpoints]


def _fitting(statistic: Any, subject: Any, spec: dict[str, Any]) -> Any:
    """The statistic, in batches that the device's memory holds."""
    from fernn.devices import within_memory

    def measure(batch: int) -> Any:
        return statistic.measure(subject, {**spec, "batch": batch})

    what = f"batches of {spec.get('batch', 1)}"
    return within_memory(spec.get("batch", 1), measure, what)[0]


def _tell(args: argparse.Namespace, groups: dict[str, Any]) -> None:
    """Show the mean result of each test in the tracker, as one run of the sweep."""
    from fernn.modules import load
    from fernn.spool import Spool

    means = {}
    for axis, about in args.axes.items():
        statistic = load("fernn.evaluation", about["statistic"])
        if headline := getattr(statistic, "HEADLINE", None):
            means[f"test/{axis}"] = float(groups[axis][headline].mean())
    if means:
        with Spool(args.output.with_suffix(".events.jsonl"), resume=False) as spool:
            _run.tell_run(spool, args.key, "evaluate", args.shown, {})
            spool.metrics(0, means)
            spool.status("FINISHED")
