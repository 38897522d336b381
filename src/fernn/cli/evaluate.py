"""Measure one statistic of one model, all its seeds, on one test set."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from fernn.cli import _run
from fernn.cli._arguments import mapping


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--name", required=True, help="the model's name in the cube")
    model = parser.add_mutually_exclusive_group(required=True)
    model.add_argument("--checkpoints", nargs="+", type=Path, metavar="model.pt")
    model.add_argument("--baseline", type=mapping, metavar="SPEC")
    parser.add_argument("--seeds", nargs="+", type=int, required=True)
    parser.add_argument(
        "--statistic", required=True, help="a module of fernn.evaluation"
    )
    parser.add_argument(
        "--spec",
        type=mapping,
        default={},
        metavar="SPEC",
        help="JSON or YAML: context, horizon, batch",
    )
    parser.add_argument("--recipe", type=Path, help="of the test set")
    parser.add_argument("--atlas", type=Path, metavar="ATLAS.nc")
    _run.add_tracking_arguments(parser)
    parser.add_argument("--output", required=True, type=Path, metavar="SHARD.nc")


def run(args: argparse.Namespace) -> None:
    """Measure every seed and write the shard; a baseline is equal for all seeds."""
    import json

    from fernn.evaluation.cubes import shard
    from fernn.lineage import stamp
    from fernn.modules import load
    from fernn.storage import write_dataset

    statistic = load("fernn.evaluation", args.statistic)
    subjects = _subjects(args)
    measured = [_measured(statistic, subject, args.spec) for subject in subjects]
    if args.baseline:
        measured *= len(args.seeds)
    joined = shard(measured, args.seeds, args.name)
    inputs = [*(args.checkpoints or []), args.recipe, args.atlas]
    if args.checkpoints:
        from fernn.models import parameters, velocities

        model = subjects[0].model
        joined.attrs["parameters"] = parameters(model)
        joined.attrs["velocities"] = json.dumps(velocities(model))
    joined.attrs["lineage"] = json.dumps(stamp(filter(None, inputs)))
    write_dataset(joined, args.output)
    if headline := getattr(statistic, "HEADLINE", None):
        axis = subjects[0].sequences.recipe.attrs["split"]
        _tell(args, axis, joined[headline])


def _measured(statistic: Any, subject: Any, spec: dict[str, Any]) -> Any:
    """The statistic, in batches that the device's memory holds."""
    from fernn.devices import within_memory

    def measure(batch: int) -> Any:
        return statistic.measure(subject, {**spec, "batch": batch})

    what = f"batches of {spec.get('batch', 1)}"
    return within_memory(spec.get("batch", 1), measure, what)[0]


def _tell(args: argparse.Namespace, axis: str, result: Any) -> None:
    """Show the mean test result of an axis in the tracker, as one run of the sweep."""
    from fernn.spool import Spool

    with Spool(args.output.with_suffix(".events.jsonl"), resume=False) as spool:
        _run.tell_run(spool, args.key, "evaluate", args.shown, {})
        spool.metrics(0, {f"test/{axis}": float(result.mean())})
        spool.status("FINISHED")


def _subjects(args: argparse.Namespace) -> list[Any]:
    from fernn.data.recipes import open_sequences
    from fernn.devices import device
    from fernn.evaluation._subject import Subject

    place, sequences = device(), None
    if args.recipe:
        sequences = open_sequences(args.recipe, args.atlas, place)
    checkpoints = args.checkpoints or [None]
    return [Subject(path, args.baseline, sequences, place) for path in checkpoints]
