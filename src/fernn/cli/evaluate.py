"""Measure models, all their seeds, on test sets: each axis has its statistic."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fernn.cli._arguments import mapping
from labrun import runs
from labrun.errors import UserError, nearest

if TYPE_CHECKING:
    from fernn.evaluation.subject import Entry

COMPUTES = True  # on a GPU, if there is one


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--model",
        nargs="+",
        action="append",
        default=[],
        metavar=("NAME", "model.pt"),
        help="its name in the cubes and a checkpoint of each seed; again for another",
    )
    parser.add_argument(
        "--treatments",
        type=mapping,
        default={},
        metavar="TREATMENTS",
        help="JSON or YAML: of some of the models what is done to them before they are"
        " measured, a module of fernn.treatments with its options, or a list of them",
    )
    parser.add_argument(
        "--baseline",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "SPEC"),
        help="its name and, as JSON or YAML, what it is; again for another",
    )
    parser.add_argument("--seeds", nargs="+", type=int, required=True)
    parser.add_argument(
        "--axes",
        type=mapping,
        required=True,
        metavar="AXES",
        help="JSON or YAML: for each its statistic (a module of fernn.evaluation),"
        " recipe (the stem of its file), spec (context, horizon, batch), options of"
        " the statistic and, if there are none, baselines: false",
    )
    parser.add_argument(
        "--recipes", nargs="+", default=[], type=Path, metavar="TEST.nc"
    )
    parser.add_argument("--atlas", type=Path, metavar="ATLAS.nc")
    parser.add_argument(
        "--place",
        default="local/by-hand",
        help="of the models' runs in the tracker: budget/experiment",
    )
    parser.add_argument(
        "--shown",
        type=mapping,
        default={},
        metavar="TAGS",
        help="JSON or YAML: for each model tags of its run, such as title and label",
    )
    parser.add_argument("--output", required=True, type=Path, metavar="SHARD.nc")


def run(args: argparse.Namespace) -> None:
    """Measure every axis and write the shard, in which each is a group of models."""
    import json

    import xarray as xr

    from fernn.devices import keep_freed_memory
    from labrun.lineage import stamp
    from labrun.storage import write_dataset

    entries = _entries(args)
    keep_freed_memory()
    groups = dict(_measured(args, entries))
    each = [path for entry in entries for path in entry.checkpoints]
    checkpoints = dict.fromkeys(each)  # a treated model has those of another
    inputs = [*checkpoints, *args.recipes, args.atlas]
    lineage = json.dumps(stamp(filter(None, inputs)))
    write_dataset(xr.Dataset(attrs={"lineage": lineage}), args.output, groups)
    for entry in entries:
        _report(args, entry.name, groups)


def _entries(args: argparse.Namespace) -> list[Entry]:
    """The models, then the baselines, each in the order given."""
    from fernn.evaluation.subject import Entry

    given = [*args.model, *args.baseline]
    names = [name for name, *_ in given]
    for name in names:
        runs.key(f"{args.place}/{name}/test")
    if not names or len({*names}) < len(names):
        raise UserError(f"--model and --baseline must name each once, got {names}")
    for name, *paths in args.model:
        if not paths:
            raise UserError(f"--model {name}: no checkpoint is given")
    trained = [name for name, *_ in args.model]
    for name in args.treatments:
        if name not in trained:
            hint = nearest(name, trained)
            raise UserError(f"--treatments: no --model is {name!r}; {hint}")
    made = args.treatments
    return [
        *(
            Entry(name, [*map(Path, paths)], treatment=made.get(name))
            for name, *paths in args.model
        ),
        *(Entry(name, baseline=_specification(*each)) for name, *each in args.baseline),
    ]


def _specification(text: str) -> dict[str, Any]:
    try:
        return mapping(text)
    except argparse.ArgumentTypeError as error:
        raise UserError(f"--baseline: {error}") from None


def _measured(
    args: argparse.Namespace, entries: list[Entry]
) -> Iterator[tuple[str, Any]]:
    """The statistics by axis and model; the log names each before it is measured."""
    from fernn.devices import allow_rounding

    allow_rounding(False)
    for axis, about in args.axes.items():
        sequences = _sequences(args, about.get("recipe"))
        for entry in entries:
            if entry.checkpoints or about.get("baselines", True):
                print(f"{entry.name}: {axis}", file=sys.stderr, flush=True)
                found = entry.measured(args.seeds, about, sequences)
                yield f"{axis}/{entry.name}", found


def _sequences(args: argparse.Namespace, recipe: str | None) -> Any:
    """The test set of an axis, on the device; None for an axis without one."""
    from fernn.devices import device
    from fernn.videos.recipes import open_sequences

    files = {path.stem: path for path in args.recipes}
    if recipe in files:
        return open_sequences(files[recipe], args.atlas, device())
    if recipe:
        raise UserError(f"--recipes has no {recipe!r}; {nearest(recipe, files)}")
    return None


def _report(args: argparse.Namespace, name: str, groups: dict[str, Any]) -> None:
    """Show a model's mean result of each test in the tracker, as a run of its sweep.

    Beside the mean over seeds is its spread, and how many seeds there are.
    """
    from labrun.modules import load
    from labrun.spool import Spool
    from labrun.spread import of_seeds

    means = {}
    for axis, about in args.axes.items():
        found = groups.get(f"{axis}/{name}")
        statistic = load("fernn.evaluation", about["statistic"])
        headline = getattr(statistic, "HEADLINE", None)
        if headline and found is not None:
            values = found[headline]
            each = values.mean([name for name in values.dims if name != "seed"])
            means |= of_seeds(f"test/{axis}", each.values.reshape(-1).tolist())
    if means:
        path = args.output.with_name(f"{name}.events.jsonl")
        with Spool(path, resume=False) as spool:
            key, tags = f"{args.place}/{name}/test", args.shown.get(name, {})
            runs.announce(spool, key, "evaluate", tags, {})
            spool.metrics(0, means)
            spool.status("FINISHED")
