"""A training that is prepared, of a seed or of a trial, and several as one model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, TypeVar

from labrun import runs
from labrun.slurm import Countdown

Listen = Callable[[runs.Run], tuple[Callable, Callable]]


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """One training and its run in the tracker.

    Attributes:
        key: of the run in the tracker.
        model: to be trained.
        strategy: see `fernn.training.strategies`.
        splits: of training and of validation.
        settings: see `Settings`.
        states: where they are saved.
        about: the run, as `labrun.runs.open_run` tells it.
    """

    key: str
    model: Any
    strategy: Any
    splits: tuple[Any, Any]
    settings: Any
    states: Any
    about: dict[str, Any]

    @property
    def error(self) -> str:
        """The name of the validation error."""
        from fernn.training import tasks

        return tasks.of(self.splits[0]).ERROR

    def open(self, shown: bool = True) -> AbstractContextManager[runs.Run]:
        """Its run in the tracker; its progress only if `shown`."""
        return runs.open_run(self.key, self.states, shown=shown, **self.about)

    def tell_best(self, opened: runs.Run, least: float) -> None:
        """Tell the run what was best, the least of `Settings.decisive`."""
        from fernn.training.listeners import best_of

        best = best_of(self.settings, self.error, least)
        opened.spool.metrics(self.settings.steps, best)


One = TypeVar("One", bound=Prepared)
Ended = TypeVar("Ended")


def as_one(
    trainings: Sequence[One],
    listens: Sequence[Listen],
    end: Callable[[One, runs.Run, Any], Ended],
    left: Countdown,
) -> list[Ended]:
    """Train as one model, see `fernn.training.stacked`.

    Args:
        trainings: which; the progress of the first is shown.
        listens: for each what tells its run of epochs and steps.
        end: what is made of each result, while all runs are open.
        left: until it is time to save and stop.

    Raises:
        Diverged: one did.
        ContinueMe: it was asked to stop; all states are saved.
    """
    from fernn.training import stacked

    with ExitStack() as stack:
        opened = [stack.enter_context(t.open(t is trainings[0])) for t in trainings]
        members = [
            stacked.Member(t.model, *t.splits, t.settings, t.states, *listen(own))
            for t, own, listen in zip(trainings, opened, listens, strict=True)
        ]
        results = stacked.train(members, left.seconds())
        ended = zip(trainings, opened, results, strict=True)
        return [end(each, own, result) for each, own, result in ended]
