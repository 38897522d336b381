"""What `train` does for each of its seeds, alone or together."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from fernn import checkpoint
from fernn.cli import _run
from fernn.cli._prepared import Prepared, as_one
from fernn.models import parameters
from fernn.training import loop
from fernn.training.listeners import listeners
from labrun import runs
from labrun.errors import UserError
from labrun.lineage import stamp
from labrun.slurm import Countdown
from labrun.storage import write_dataset

Result = tuple[list[loop.Record], dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Training(Prepared):
    """One seed's.

    Attributes:
        output: the checkpoint; states are beside it.
        spec: what it says of the model.
        lineage: of the output.
        seconds: the processor's, told so far.
    """

    output: Path
    spec: dict[str, Any]
    lineage: dict[str, Any]
    seconds: list[float] = field(default_factory=list)

    @classmethod
    def prepare(
        cls, args: argparse.Namespace, best: dict[str, Any], seed: int, output: Path
    ) -> Training:
        """As the command's arguments say.

        Args:
            args: of the command, tuned.
            best: what they were tuned by.
            seed: of the run.
            output: its checkpoint.
        """
        needs = [(k, Path(str(v).replace("{seed}", str(seed)))) for k, v in args.needs]
        own = argparse.Namespace(**{**vars(args), "needs": needs})
        model, strategy, train, val, settings = _run.prepare(own, seed)
        data = _run.inputs(own)
        # What `best` chose is in the settings, and no more of it counts.
        told = stamp(data)
        identity = {"model": args.model, "settings": settings.given()}
        spec = {"model": args.model, "frame_size": train.size}
        spec["search"] = {name: best.get(name, {}) for name in ("params", "edges")}
        params = {**args.model, **settings.given(), "parameters": parameters(model)}
        about = {"stage": "train", "params": params, "tags": args.shown}
        place = args.key.rpartition("/")[0]
        return cls(
            key=args.key if len(args.seed) == 1 else f"{place}/seed-{seed}",
            model=model,
            strategy=strategy,
            splits=(train, val),
            settings=settings,
            states=runs.states_of(output.parent, identity, told),
            about={**about, "lineage": told, "steps": settings.steps},
            output=output,
            spec=spec,
            lineage=stamp([*data, args.best] if args.best else data),
        )

    def listeners(self, opened: runs.Run) -> tuple[Callable, Callable]:
        """What tells the run of epochs and steps."""
        tell, on_step = listeners(opened.spool, opened.advance, self.error)

        def on_epoch(record: loop.Record) -> None:
            self.seconds.append(record["processor_seconds"])
            tell(record)

        return on_epoch, on_step

    def end(self, opened: runs.Run, result: Result) -> None:
        """Write the outputs, and tell the run what was best."""
        records, weights = result
        built, weights = self.strategy.kept(self.spec["model"], weights)
        _write(self, records, {**self.spec, "model": built}, weights)
        self.tell_best(opened, min(map(self.settings.decisive, records)))


def alone(each: Training, left: Countdown, rank: int, devices: int) -> None:
    """Train one seed.

    Args:
        each: of which.
        left: until it is time to save and stop.
        rank: of this process; all but 0 have their share of every batch, and nothing
            to report.
        devices: that share each batch.

    Raises:
        UserError: it diverged.
    """
    what = each.model, *each.splits, each.settings, each.states
    how = {"strategy": each.strategy, "devices": devices, "seconds": left.seconds()}
    work = partial(loop.train, *what, **how)
    if rank:
        work()
        return
    try:
        with each.open() as opened:
            on_epoch, on_step = each.listeners(opened)
            each.end(opened, work(on_epoch=on_epoch, on_step=on_step))
    except loop.Diverged as reason:
        raise _diverged(each.key, reason) from None


def together(trainings: Sequence[Training], left: Countdown) -> None:
    """Train seeds of a model as one.

    Raises:
        UserError: one diverged.
    """
    try:
        listens = [each.listeners for each in trainings]
        as_one(trainings, listens, Training.end, left)
    except loop.Diverged as reason:
        raise _diverged(trainings[0].key.rpartition("/")[0], reason) from None


def _diverged(key: str, reason: Exception) -> UserError:
    return UserError(f"{key}: {reason}; lower the learning_rate")


def _write(about: Training, records: list, spec: dict, weights: dict) -> None:
    columns = {name: [record[name] for record in records] for name in records[0]}
    epochs = np.array(columns.pop("epoch"))
    history = xr.Dataset(
        {name: ("epoch", np.array(values)) for name, values in columns.items()},
        coords={"epoch": epochs},
        attrs={"lineage": json.dumps(about.lineage)},
    )
    write_dataset(history, about.output.with_name("history.nc"))
    measured = all(map(isfinite, about.seconds))
    times = {"processor_seconds": about.seconds} if measured else {}
    checkpoint.save(about.output, weights, spec, about.lineage, times)
