"""Several seeds of a model trained together, each as if it were alone.

Each keeps its weights, its data, its horizons, its optimiser and its saved states; only
the gradients of a step are computed together, see `fernn.models._stack`. Where seeds
draw other horizons for a step, all predict the longest, and each loss has its own.

Sums are in another order than those of a single training, so results are equal up to
rounding. Each member is told its share of the processor's time.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from fernn.devices import within_memory
from fernn.models._stack import Stack
from fernn.models._stack import objection as of_model
from fernn.training import tasks
from fernn.training.ahead import Ahead
from fernn.training.loop import Diverged, Listener, Record, Run
from fernn.training.settings import Settings
from fernn.videos.recipes import Sequences
from labrun.rolling_states import RollingStates
from labrun.stopping import Interrupted, Stopping, stop_requests


def _silent(record: Record) -> None:
    """Nobody is told."""


@dataclass(frozen=True)
class Member:
    """One training of several; see `fernn.training.loop.train` for what each is."""

    model: nn.Module
    train_split: Sequences
    validation_split: Sequences
    settings: Settings
    states: RollingStates | None = None
    on_epoch: Listener = _silent
    on_step: Listener = _silent


Pair = tuple[Member, Run]


def objection(model: nn.Module, settings: Settings) -> str | None:
    """Why trainings of such models cannot be stacked, in a line; None if they can."""
    if settings.strategy is not None:
        return "a strategy decides how weights are found"
    if settings.precision != "float32":
        return f"precision {settings.precision} is not stacked"
    return of_model(model)


def train(
    members: Sequence[Member], seconds: float | None = None
) -> list[tuple[list[Record], dict[str, Any]]]:
    """Train models that differ in seed and learning rate alone, at once.

    A run that is stopped and continued from the states gives the same bits as one that
    never stopped.

    Args:
        members: their settings make as many steps, of batches of one size.
        seconds: until it is time to save and stop; None for no limit.

    Returns:
        Of each member the records of all epochs, and the weights of the best one.

    Raises:
        UserError: the models cannot be stacked, see `objection`.
        Diverged: a loss or its gradient is not finite; the message tells the seed.
        Interrupted: SIGTERM, SIGUSR1 or the time limit came; all states are saved.
    """
    runs = [_begun(member) for member in members]
    left = _left(list(zip(members, runs, strict=True)))
    for member, run in zip(members, runs, strict=True):
        run.tell_epochs(member.on_epoch)
    if left:
        with stop_requests(seconds) as stopping:
            _Together(left, Stack([run.model for _, run in left])).train(stopping)
    return [(run.at["records"], run.at["best"]) for run in runs]


def _begun(member: Member) -> Run:
    """At the beginning."""
    tasks.measures(member.validation_split, member.settings.select_by)
    split = Ahead(member.train_split)
    return Run.begin(member.model, split, member.settings, None, None, 1)


def _left(pairs: list[Pair]) -> list[Pair]:
    """Those that are not trained to the end; all of them after the same step.

    They go on from the newest state that all have. If there is none, as after a seed
    was added, those that were trained to the end are left as they are.
    """
    if not _go_on(pairs):
        ended = [_ended(*pair) for pair in pairs]
        pairs = [pair for pair, end in zip(pairs, ended, strict=True) if not end]
        if any(ended):
            _go_on(pairs)
    return [(member, run) for member, run in pairs if not _is_done(run)]


def _go_on(pairs: list[Pair]) -> bool:
    """Put all into their newest common state; say whether there is one."""
    states = [member.states for member, _ in pairs if member.states]
    if not states or len(states) < len(pairs):
        return False
    common = set.intersection(*({*each.steps()} for each in states))
    for step in sorted(common, reverse=True):
        saved = [each.load(step) for each in states]
        if None not in saved:
            for (_, run), state in zip(pairs, saved, strict=True):
                assert state is not None
                run.go_on(*state)
            return True
    return False


def _ended(member: Member, run: Run) -> bool:
    """Take the state of one that was trained to the end."""
    saved = member.states.load() if member.states else None
    if saved is not None and saved[0]["step"] == member.settings.steps:
        run.go_on(*saved)
    return _is_done(run)


def _is_done(run: Run) -> bool:
    return run.at["step"] == run.objective.settings.steps


@dataclass(frozen=True)
class _Together:
    """Runs that are after the same step, and their models as one."""

    pairs: Sequence[Pair]
    stack: Stack

    def train(self, stopping: Stopping) -> None:
        """To the end, or until it is asked to stop."""
        (first, run), *_ = self.pairs
        splits = [Ahead(member.validation_split) for member, _ in self.pairs]
        share = 1 / len(self.pairs)  # of the processor's time
        before = run.at["spent"] - share * time.process_time()
        while not _is_done(run):
            self.step()
            ended = run.at["step"] % first.settings.steps_per_epoch == 0
            if ended:
                for (_, each), split in zip(self.pairs, splits, strict=True):
                    each.end_epoch(split)
            spent = before + share * time.process_time()
            for _, each in self.pairs:
                each.at["spent"] = spent
                each.at["seconds"] += [spent] if ended else []
            if ended or stopping.reason:
                self.save(finished=_is_done(run))
            if ended:
                for member, each in self.pairs:
                    each.tell_epochs(member.on_epoch, last=1)
            if stopping.reason and not _is_done(run):
                raise Interrupted(stopping.reason, run.at["step"])

    def step(self) -> None:
        """One step of all optimisers."""
        for _, run in self.pairs:
            run.prepare()
        losses = self.gradient()
        for (member, run), loss in zip(self.pairs, losses, strict=True):
            try:
                record = run.update(loss)
            except Diverged as reason:
                raise Diverged(f"seed {member.settings.seed}: {reason}") from None
            member.on_step(record)

    def gradient(self) -> list[float]:
        """The gradients of a step, in pieces that fit in memory; returns the losses."""
        runs = [run for _, run in self.pairs]
        batch = runs[0].objective.settings.batch

        def work(piece: int) -> list[float]:
            self.stack.zero_grad()
            total = torch.zeros(len(runs), device=runs[0].fabric.device)
            for first in range(0, batch, piece):
                count = min(piece, batch - first)
                losses = torch.stack(self.losses(first, count)) * (count / batch)
                self.stack.backward(losses)
                total += losses.detach()
            return total.tolist()

        what = f"{len(runs)} batches of {batch}"
        losses, piece = within_memory(runs[0].at["piece"], work, what)
        for run in runs:
            run.at["piece"] = piece
        return losses

    def losses(self, first: int, count: int) -> list[torch.Tensor]:
        """Those of all members on the same piece of each one's batch."""
        runs = [run for _, run in self.pairs]
        step, settings = runs[0].at["step"], runs[0].objective.settings
        begin = step % settings.steps_per_epoch * settings.batch + first
        found = [run.objective.batch((begin, count), step) for run in runs]
        task, targets = found[0][0], [target for *_, target in found]
        videos, *numbers = zip(*(seen for _, seen, _ in found), strict=True)
        output = self.stack.network(torch.cat(videos, 2), *map(max, numbers))
        parts = zip(runs, task.of_each(output, targets), targets, strict=True)
        return [run.objective.value(task, *part) for run, *part in parts]

    def save(self, finished: bool) -> None:
        """All states; older ones are dropped when all have the newest."""
        for last in [False, True] if finished else [False]:
            for member, run in self.pairs:
                if member.states:
                    run.save(member.states, last)
