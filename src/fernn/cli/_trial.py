"""What `tune`, `ask` and `trial` share: the points to begin with, and the trials."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from fernn.cli import _run
from fernn.cli._arguments import mapping
from fernn.cli._prepared import Listen, Prepared, as_one
from fernn.training.settings import TUNING_SEED, Settings, dotted
from labrun import runs
from labrun.errors import UserError
from labrun.slurm import Countdown


def add_tuning_argument(parser: argparse.ArgumentParser) -> None:
    """Add what is searched."""
    parser.add_argument(
        "--tuning",
        required=True,
        type=mapping,
        metavar="SPEC",
        help="JSON or YAML: ranges, first; trials for `tune`",
    )


def add_study_argument(parser: argparse.ArgumentParser) -> None:
    """Add where trials are kept."""
    parser.add_argument(
        "--study", required=True, type=Path, help="folder of the journal and the trials"
    )


def points(args: argparse.Namespace) -> list[dict[str, Any]]:
    """The hyperparameters of the first slots; those of trial 0 are as given.

    Raises:
        UserError: one that is searched is not given.
    """
    given = {**getattr(args, "model", {}), **args.training, **dotted(args.training)}
    for name in args.tuning["ranges"].keys() - given.keys():
        raise UserError(f"--tuning: {name} is searched, but its first value not given")
    start = {name: given[name] for name in args.tuning["ranges"]}
    return [start, *({**start, **point} for point in args.tuning["first"])]


class Brief(Prepared):
    """One trial of a study; its seed is none that a final training may have."""

    @classmethod
    def prepare(
        cls, args: argparse.Namespace, slot: int, params: dict[str, Any], lineage: dict
    ) -> Brief:
        """The trial of a slot; see `train_briefly`."""
        args = _run.tuned(args, params)
        model, strategy, train, val, settings = _run.prepare(args, TUNING_SEED)
        name = f"trial-{slot:02d}"
        place, folder = args.key.rpartition("/")[0], args.study / "trials" / name
        params = {**args.model, **settings.given()}
        states = runs.states_of(folder, params, lineage)
        about = {"params": params, "tags": args.shown, "lineage": lineage}
        about |= {"stage": args.command, "steps": settings.steps}
        return cls(
            key=f"{place}/{name}",
            model=model,
            strategy=strategy,
            splits=(train, val),
            settings=settings,
            states=states,
            about=about,
        )

    def end(self, opened: runs.Run, records: list[dict[str, float]]) -> float:
        """Tell the run what was best: the trial's objective."""
        best = _lowest(self.settings, records)
        self.tell_best(opened, best)
        return best


def train_briefly(
    args: argparse.Namespace,
    slot: int,
    params: dict[str, Any],
    lineage: dict,
    left: Countdown,
    on_epoch: Callable[[int, float], None],
    keep: bool = False,
) -> float:
    """Train as one trial of a study, or go on with it: its objective.

    That is the lowest validation error or, if the accuracy selects, the lowest share of
    wrong answers; see `Settings.decisive`.

    Args:
        args: of the command.
        slot: which trial.
        params: its hyperparameters.
        lineage: of the data.
        left: until it is time to save and stop.
        on_epoch: is told each epoch and its objective, those before a continuation too.
        keep: the last state, from which a lost result comes back untrained.

    Raises:
        Pruned: from `on_epoch`.
        ArithmeticError: it diverged.
        ContinueMe: it was asked to stop; the state is saved.
    """
    from fernn.training.loop import train

    trial = Brief.prepare(args, slot, params, lineage)
    what = trial.model, *trial.splits, trial.settings, trial.states
    with trial.open() as opened:
        told = listeners_of(opened, trial.error, trial.settings, on_epoch)
        how = {"strategy": trial.strategy, "seconds": left.seconds()}
        best = trial.end(opened, train(*what, *told, **how)[0])
    if not keep:
        trial.states.clear()
    return best


def train_together(
    trials: Sequence[Brief],
    left: Countdown,
    on_epochs: Sequence[Callable[[int, float], None]],
) -> list[float] | None:
    """Train trials that differ in the learning rate alone as one model: the objectives.

    Each is as if it were alone, see `fernn.training.stacked`; a continuation too.

    Args:
        trials: which.
        left: until it is time to save and stop.
        on_epochs: see `train_briefly`, of each trial; none raises `Pruned`.

    Returns:
        None if they cannot be stacked, or one diverged: train them one by one.

    Raises:
        ContinueMe: it was asked to stop; all states are saved.
    """
    from fernn.training import stacked

    reason = stacked.objection(trials[0].model, trials[0].settings)
    if reason is None:
        try:
            return _as_one(trials, left, on_epochs)
        except ArithmeticError as error:
            reason = str(error)
    print(f"trials one after another: {reason}", file=sys.stderr)
    return None


def _as_one(
    trials: Sequence[Brief], left: Countdown, on_epochs: Sequence[Callable]
) -> list[float]:
    def listen(trial: Brief, on_epoch: Callable) -> Listen:
        how = {"error": trial.error, "settings": trial.settings}
        return partial(listeners_of, **how, on_epoch=on_epoch)

    def end(trial: Brief, opened: runs.Run, result: tuple) -> float:
        return trial.end(opened, result[0])

    best = as_one(trials, [*map(listen, trials, on_epochs)], end, left)
    for each in trials:
        each.states.clear()
    return best


def listeners_of(
    opened: Any, error: str, settings: Settings, on_epoch: Callable
) -> tuple[Callable, Callable]:
    """What tells a trial's run of epochs and steps, and `on_epoch` its objective."""
    from fernn.training.listeners import listeners

    tell, on_step = listeners(opened.spool, opened.advance, error)

    def on_each(record: dict[str, float]) -> None:
        tell(record)
        on_epoch(int(record["epoch"]), settings.decisive(record))

    return on_each, on_step


def _lowest(settings: Settings, records: list[dict[str, float]]) -> float:
    from fernn.training.loop import Diverged

    errors = [settings.decisive(record) for record in records]
    finite = [error for error in errors if math.isfinite(error)]
    if not finite:
        raise Diverged(f"the validation error is {errors[-1]} after the last epoch")
    return min(finite)
