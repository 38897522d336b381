"""What `train` and `tune` share: a model trained on recipes, told to a spool."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fernn.cli._arguments import mapping
from labrun import slurm
from labrun.errors import UserError
from labrun.lineage import fingerprint
from labrun.spool import NAME, Spool, read_events

FORM = "budget/experiment/model/name"


def add_data_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the recipes and the model."""
    parser.add_argument("--train", required=True, type=Path, metavar="TRAIN.nc")
    parser.add_argument("--val", required=True, type=Path, metavar="VAL.nc")
    parser.add_argument("--atlas", required=True, type=Path, metavar="ATLAS.nc")
    parser.add_argument(
        "--model",
        required=True,
        type=mapping,
        metavar="SPEC",
        help="JSON or YAML: kind, flow, hidden, rollout, …",
    )
    parser.add_argument(
        "--training",
        required=True,
        type=mapping,
        metavar="SPEC",
        help="JSON or YAML: batch, sequences, epochs, context, horizon, …",
    )
    parser.add_argument(
        "--needs",
        type=needed,
        nargs="*",
        default=[],
        metavar="OPTION=MODEL.pt",
        help="trained models that the strategy's options name",
    )
    add_tracking_arguments(parser)


def needed(text: str) -> tuple[str, Path]:
    """``teacher=model.pt``.

    Raises:
        argparse.ArgumentTypeError: it has another form.
    """
    option, found, path = text.partition("=")
    if not (option and found and path):
        raise argparse.ArgumentTypeError(f"OPTION=MODEL.pt is needed, got {text!r}")
    return option, Path(path)


def inputs(args: argparse.Namespace) -> list[Path]:
    """The files that a training is a function of, besides what is tuned."""
    return [args.train, args.val, args.atlas, *(path for _, path in args.needs)]


def key(text: str) -> str:
    """The key ``budget/experiment/model/name``, as it is.

    Raises:
        UserError: it has another form.
    """
    parts = text.split("/")
    if len(parts) != 4 or not all(map(NAME.fullmatch, parts)):
        raise UserError(
            f"a key is {FORM}, each of up to 120 letters, digits and ' _.+=-',"
            f" beginning with a letter, a digit or _; got {text!r}"
        )
    return text


def add_tracking_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the run's place in the tracker."""
    parser.add_argument(
        "--key",
        type=key,
        default="local/by-hand/model/run",
        help=f"of the run in the tracker: {FORM}",
    )
    parser.add_argument(
        "--shown",
        type=mapping,
        default={},
        metavar="TAGS",
        help="JSON or YAML: tags of the run, such as title and label",
    )


def tuned(args: argparse.Namespace, params: dict[str, Any]) -> argparse.Namespace:
    """A copy of the arguments with tuned settings and options of the model."""
    from fernn.training.settings import Settings, with_options

    known = Settings.__dataclass_fields__
    training = {name: value for name, value in params.items() if name in known}
    inner = {name: value for name, value in params.items() if "." in name}
    rest = params.keys() - training.keys() - inner.keys()
    model = {name: value for name, value in params.items() if name in rest}
    training = with_options({**args.training, **training}, inner)
    told = {"model": {**args.model, **model}, "training": training}
    return argparse.Namespace(**{**vars(args), **told})


def prepare(args: argparse.Namespace, seed: int) -> tuple:
    """The model, its strategy, the splits on their device, and the settings.

    Raises:
        UserError: the model or the settings are not right.
    """
    import torch

    from fernn import checkpoint, models
    from fernn.allocator import keep_freed_memory
    from fernn.config.options import require
    from fernn.devices import device
    from fernn.training import strategies
    from fernn.training.settings import settings
    from fernn.videos.recipes import open_sequences

    keep_freed_memory()
    chosen = settings(args.training, seed)
    spec = require("models", args.model, supplied=["size"])
    splits = [
        open_sequences(path, args.atlas, device()) for path in (args.train, args.val)
    ]
    needs = {option: checkpoint.load(path, device()) for option, path in args.needs}
    torch.manual_seed(seed)
    model = models.build(spec, splits[0].size)
    return model, strategies.build(model, chosen, needs), *splits, chosen


def announced(
    folder: Path, args: argparse.Namespace, stage: str, params: dict, lineage: dict
) -> Spool:
    """The spool of a run, opened with the run's event.

    Runs of other settings or data are other runs, in files of their own.
    """
    own = fingerprint({"params": params, "data": lineage["inputs"]})[:12]
    spool = Spool(folder / f"{own}.events.jsonl")
    hashes = {f"sha256.{Path(k).stem}": v for k, v in lineage["inputs"].items()}
    tags = {"fingerprint": own, "git_commit": lineage["commit"], **hashes}
    tags |= _attempt(spool, args.key)
    tell_run(spool, args.key, stage, {**args.shown, **tags}, params, own)
    return spool


def _attempt(spool: Spool, key: str) -> dict[str, Any]:
    """Which attempt at the run this is, and where; the log is told too."""
    events, _ = read_events(spool.path)
    attempt = 1 + sum(event["event"] == "run" for event in events)
    where = f"Slurm job {slurm.job()} on " if slurm.job() else ""
    print(f"{key}: attempt {attempt}, {where}{slurm.node()}", file=sys.stderr)
    return {"attempt": attempt, "slurm_job_id": slurm.job(), "node": slurm.node()}


@contextmanager
def continued(spool: Spool) -> Iterator[None]:
    """Tell the spool of a stop, and have Slurm start the job again if it may run on.

    It may when its time is nearly up, or in the grace time of a preemption. A job that
    Slurm already ends, such as a cancelled one, is left alone.
    """
    from labrun.stopping import Interrupted

    try:
        yield
    except Interrupted as stop:
        again = slurm.requeue()
        how = "Slurm starts it again" if again else "the same command continues it"
        spool.status("KILLED", f"{stop}; {how}")
        print(f"{stop}; {how}", file=sys.stderr)
        raise


def tell_run(
    spool: Spool,
    key: str,
    stage: str,
    tags: dict[str, Any],
    params: dict[str, Any],
    own: str = "",
) -> None:
    """The event of a run with the key ``budget/experiment/model/name``.

    Args:
        spool: where it is told.
        key: the run's place in the tracker; its parent is the model's sweep.
        stage: the subcommand.
        tags: what is shown beside the key's parts.
        params: what the run was made with.
        own: tells runs of one key apart.
    """
    budget, experiment, model, name = key.split("/")
    place = {"budget": budget, "experiment": experiment, "model": model}
    spool.run(
        key=f"{key}/{own}" if own else key,
        experiment=experiment,
        parent=f"{budget}/{experiment}/{model}",
        name=f"{model}.{name}",
        tags={**place, "stage": stage, **{k: v for k, v in tags.items() if v}},
        params=params,
        note=f"`fernn {stage}`; files beside `{os.path.relpath(spool.path)}`",
    )
