"""What `tune`, `ask` and `trial` share: the points to begin with, and one trial."""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fernn.cli import _run
from fernn.cli._arguments import mapping
from fernn.training.settings import Settings, dotted
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

    Its seed is none that a final training may have.

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
    from fernn.training import tasks
    from fernn.training.listeners import best_of
    from fernn.training.settings import TUNING_SEED

    args = _run.tuned(args, params)
    model, strategy, *splits, settings = _run.prepare(args, TUNING_SEED)
    name = f"trial-{slot:02d}"
    place, folder = args.key.rpartition("/")[0], args.study / "trials" / name
    params = {**args.model, **settings.given()}
    states = runs.states_of(folder, params, lineage)
    about = {"params": params, "tags": args.shown, "lineage": lineage}
    about |= {"stage": args.command, "steps": settings.steps}
    with runs.open_run(f"{place}/{name}", states, **about) as opened:
        error = tasks.of(splits[0]).ERROR
        report = _listeners(opened, error, settings, on_epoch)
        how = {"strategy": strategy, "seconds": left.seconds()}
        best = _lowest(model, splits, (settings, states, *report), how)
        opened.spool.metrics(settings.steps, best_of(settings, error, best))
    if not keep:
        states.clear()
    return best


def _listeners(
    opened: Any, error: str, settings: Settings, on_epoch: Callable
) -> tuple:
    from fernn.training.listeners import listeners

    tell, on_step = listeners(opened.spool, opened.advance, error)

    def on_each(record: dict[str, float]) -> None:
        tell(record)
        on_epoch(int(record["epoch"]), settings.decisive(record))

    return on_each, on_step


def _lowest(model: Any, splits: list, run: tuple, how: dict[str, Any]) -> float:
    from fernn.training.loop import Diverged, train

    settings: Settings = run[0]
    records, _ = train(model, *splits, *run, **how)
    errors = [settings.decisive(record) for record in records]
    finite = [error for error in errors if math.isfinite(error)]
    if not finite:
        raise Diverged(f"the validation error is {errors[-1]} after the last epoch")
    return min(finite)
