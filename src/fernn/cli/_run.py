"""What `train` and `tune` share: a model trained on recipes, told to a spool."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fernn.cli._arguments import mapping
from fernn.lineage import fingerprint
from fernn.spool import Spool

STEPS_BETWEEN_POINTS = 10


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
    parser.add_argument("--key", default="run", help="of the run in the tracker")


def prepare(args: argparse.Namespace, seed: int, changes: dict[str, Any]) -> tuple:
    """The model and the splits on their device, and the settings.

    Raises:
        UserError: the model or the settings are not right.
    """
    import torch

    from fernn import models
    from fernn.config.options import require
    from fernn.data.recipes import open_sequences
    from fernn.devices import device
    from fernn.training.settings import settings

    chosen = settings({**args.training, **changes}, seed)
    spec = require("models", args.model, supplied=["size"])
    splits = [
        open_sequences(path, args.atlas, device()) for path in (args.train, args.val)
    ]
    torch.manual_seed(seed)
    return models.build(spec, splits[0].size), *splits, chosen


def listeners(spool: Spool, advance: Callable) -> dict[str, Callable]:
    """Tell the spool and the terminal of each epoch, the spool of every tenth step."""

    def on_epoch(record: dict[str, float]) -> None:
        values = {
            "train/loss": record["train_loss"],
            "val/mse": record["validation_error"],
            "train/learning_rate": record["learning_rate"],
            "train/epoch": record["epoch"],
        }
        spool.metrics(int(record["updates"]), values)
        detail = f"train {record['train_loss']:.4g} val {record['validation_error']:.4g}"
        advance(int(record["updates"]), detail)

    def on_step(record: dict[str, float]) -> None:
        step = int(record["updates"])
        if step % STEPS_BETWEEN_POINTS == 0:
            spool.metrics(step, {"train/batch_loss": record["train/batch_loss"]})
        advance(step)

    return {"on_epoch": on_epoch, "on_step": on_step}


def announced(
    folder: Path, key: str, stage: str, params: dict[str, Any], lineage: dict[str, Any]
) -> Spool:
    """A spool whose first event is the run: ``budget/experiment/model/name``.

    Runs of other settings or data are other runs, in files of their own.
    """
    budget, experiment, model, name = ([""] * 4 + key.split("/"))[-4:]
    own = fingerprint({"params": params, "data": lineage["inputs"]})[:12]
    spool = Spool(folder / f"{own}.events.jsonl")
    hashes = {f"sha256.{Path(k).stem}": v for k, v in lineage["inputs"].items()}
    spool.run(
        key=f"{key}/{own}",
        experiment=f"{experiment} ({budget})" if experiment else "runs",
        parent=key.rpartition("/")[0] or None,
        name=f"{model}.{name}" if model else name,
        tags={
            "budget": budget,
            "experiment": experiment,
            "model": model,
            "stage": stage,
            "fingerprint": own,
            "git_commit": lineage["commit"],
            **hashes,
        },
        params=params,
        note=None,
    )
    return spool
