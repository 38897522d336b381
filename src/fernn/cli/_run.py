"""What `train` and `tune` share: a model trained on recipes."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from fernn.cli._arguments import mapping
from labrun import runs


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


def add_tracking_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the run's place in the tracker."""
    parser.add_argument(
        "--key",
        type=runs.key,
        default="local/by-hand/model/run",
        help=f"of the run in the tracker: {runs.FORM}",
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

    Models of one seed are given the same data: what a seed draws of them depends on
    the recipes and the seed alone.

    Raises:
        UserError: the model or the settings are not right.
    """
    import torch

    from fernn import checkpoint, models
    from fernn.config.options import require
    from fernn.devices import device, keep_freed_memory
    from fernn.training import strategies
    from fernn.training.settings import settings
    from fernn.videos.recipes import open_sequences

    keep_freed_memory()
    chosen = settings(args.training, seed)
    spec = require("models", args.model, supplied=["size"])
    own = seed if chosen.seed_draws == "all" else None
    splits = [
        open_sequences(path, args.atlas, device(), run_seed=own)
        for path in (args.train, args.val)
    ]
    needs = {option: checkpoint.load(path, device()) for option, path in args.needs}
    torch.manual_seed(seed)
    model = models.build(spec, splits[0].size)
    return model, strategies.build(model, chosen, needs), *splits, chosen
