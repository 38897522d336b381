"""A study in a journal file: exact in its number of trials, whoever dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from labrun.errors import ContinueMe, Pruned, UserError
from labrun.lease import Lease
from labrun.lineage import fingerprint
from labrun.stopping import stoppable
from labrun.tuning import journal, samplers
from labrun.tuning.journal import NAME
from labrun.tuning.samplers import distributions, suggest

Objective = Callable[[Trial, dict[str, Any]], float]
Together = Callable[[list[Trial]], list[float] | None]
ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
DEATHS = 10  # of workers at one point of one trial, before it counts as failed


@dataclass(frozen=True)
class Search:
    """What a study searches.

    Attributes:
        trials: how many; a slot is one place in this number.
        points: hyperparameters of the first slots: trial 0 is the published one.
        ranges: by name, for the other slots; see `labrun.tuning.samplers`.
        seed: of the study; each slot has a sampler of its own.
        groups: slots, of those with given points, whose trials are run together; all
            others are run alone.
    """

    trials: int
    points: list[dict[str, Any]]
    ranges: dict[str, dict[str, Any]]
    seed: int = 0
    groups: Sequence[Sequence[int]] = ()

    def rounds(self) -> list[list[int]]:
        """All slots, those of a group in one round."""
        known = range(min(self.trials, len(self.points)))
        groups = [[slot for slot in group if slot in known] for group in self.groups]
        grouped = {slot for group in groups for slot in group}
        rest = [[slot] for slot in range(self.trials) if slot not in grouped]
        return sorted(filter(None, [*groups, *rest]))


def open_study(path: Path) -> optuna.Study:
    """The study in a journal file, made if there is none."""
    return _study(journal.storage(path))


def _study(storage: JournalStorage) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(
        storage=storage,
        study_name=NAME,
        direction="minimize",
        pruner=samplers.pruner(),
        load_if_exists=True,
    )


def tune(
    folder: Path,
    search: Search,
    identity: Mapping[str, Any],
    lineage: Mapping[str, Any],
    objective: Objective,
    together: Together | None = None,
) -> dict[str, Any]:
    """Work on the study of some settings and data until no slot is free.

    Args:
        folder: of the studies; one of other settings or data is another journal.
        search: what is searched; more trials are no other study.
        identity: the settings that the trials are a function of, the ranges too.
        lineage: of the data, see `labrun.lineage.stamp`.
        objective: gets the trial and its hyperparameters.
        together: see `work`.

    Returns:
        What `labrun.tuning.batch.choose` reads: the journal, lineage and slots.

    Raises:
        ContinueMe: a trial was asked to stop; its slot is free again.
    """
    name = f"{fingerprint({**identity, 'data': lineage['inputs']})[:12]}.journal"
    slots = work(folder / name, search, objective, together)
    return {"journal": name, "lineage": dict(lineage), "slots": slots}


def report(trial: Trial, step: int, value: float) -> None:
    """Report a trial's value after a step.

    Raises:
        Pruned: the trial is behind the earlier ones.
    """
    trial.report(value, step)
    if trial.should_prune():
        raise Pruned


def work(
    path: Path,
    search: Search,
    objective: Objective,
    together: Together | None = None,
) -> list[int]:
    """Fill free slots of a study until there are none.

    A slot's ticket is a lease, so that each is filled by one worker at a time and the
    number of trials is exact. A trial whose worker died is marked as failed, and its
    slot is filled again with the same hyperparameters.

    Args:
        path: the study's journal.
        search: what is searched.
        objective: gets the trial and its hyperparameters.
        together: gets the trials of a group and gives their values, or None if each is
            to be run by `objective`. A trial that was cut off by a death is run alone.

    Returns:
        The slots that were filled.

    Raises:
        ContinueMe: a trial was asked to stop; its slot is free again.
    """
    filled: list[int] = []
    storage = journal.storage(path)
    study = _study(storage)
    for slots in search.rounds():
        with _tickets(path, slots) as taken, stoppable():
            begun: list[Trial] = []
            died = False
            for slot in taken:
                earlier = [t for t in study.get_trials() if _slot(t) == slot]
                if not any(trial.state in ENDED for trial in earlier):
                    filled.append(slot)
                    died = died or _deaths(earlier) > 0
                    begun += _begin(storage, study, search, slot, earlier)
            alone = died or len(begun) < 2
            _run(study, begun, objective, None if alone else together)
    return filled


@contextmanager
def _tickets(path: Path, slots: Sequence[int]) -> Iterator[list[int]]:
    """Those of the slots that no other worker has, for as long as the block lasts."""
    with ExitStack() as held:
        taken = []
        for slot in slots:
            name = f"{path.stem}-{slot:03d}.lease"
            ticket = Lease(path.parent / "slots" / name, "trial")
            ticket.path.parent.mkdir(parents=True, exist_ok=True)
            if ticket.take():
                held.callback(ticket.release)
                taken.append(slot)
        yield taken


def _begin(
    storage: JournalStorage,
    study: optuna.Study,
    search: Search,
    slot: int,
    earlier: list[FrozenTrial],
) -> list[Trial]:
    """A slot's next trial; none if its workers died too often. We hold its ticket."""
    for trial in earlier:
        if trial.state == TrialState.RUNNING:  # its worker is dead: we have the ticket
            study.tell(trial.number, state=TrialState.FAIL)
    trial = _ask(storage, study, search, slot, earlier)
    if _deaths(earlier) < DEATHS:
        return [trial]
    trial.set_user_attr("failure", f"its worker died {DEATHS} times")
    study.tell(trial, values=float("inf"))
    return []


def _run(
    study: optuna.Study,
    begun: list[Trial],
    objective: Objective,
    together: Together | None,
) -> None:
    """Run trials, and tell the study how each ended."""
    left = list(begun)
    try:
        values = together(begun) if together else None
        for place, trial in enumerate(begun):
            if values is None:
                _tell(study, trial, objective)
            else:
                study.tell(trial, values=values[place])
            left.remove(trial)
    except ContinueMe as stop:
        for trial in left:
            trial.set_user_attr("interrupted", str(stop))
            study.tell(trial, state=TrialState.FAIL)
        raise


def _tell(study: optuna.Study, trial: Trial, objective: Objective) -> None:
    try:
        value = objective(trial, dict(trial.params))
    except Pruned:
        study.tell(trial, state=TrialState.PRUNED)
    except ArithmeticError as error:
        trial.set_user_attr("failure", str(error))
        study.tell(trial, values=float("inf"))
    else:
        study.tell(trial, values=value)


def _ask(
    storage: JournalStorage,
    study: optuna.Study,
    search: Search,
    slot: int,
    earlier: list[FrozenTrial],
) -> Trial:
    """A new trial that knows its slot from the first, so that none is ever lost."""
    space = distributions(search.ranges)
    known = [trial.params for trial in earlier if trial.params.keys() == space.keys()]
    points = dict(enumerate(search.points))
    if known:
        study.sampler = samplers.Fixed(known[0])
    elif slot in points:
        study.sampler = samplers.Fixed(points[slot])
    else:
        study.sampler = samplers.sampler(search.seed, slot)
    template = create_trial(state=TrialState.RUNNING, user_attrs={"slot": slot})
    number = storage.create_new_trial(
        storage.get_study_id_from_name(NAME), template_trial=template
    )
    trial = Trial(study, number)
    suggest(trial, space)
    return trial


def _deaths(earlier: list[FrozenTrial]) -> int:
    """How often a worker died at the same point; a trial that gets on is no killer."""
    dead = [trial for trial in earlier if "interrupted" not in trial.user_attrs]
    reached = [max(trial.intermediate_values, default=0) for trial in dead]
    return len(list(takewhile(lambda step: step == reached[-1], reversed(reached))))


def best(path: Path, trials: int) -> tuple[FrozenTrial, list[FrozenTrial]]:
    """The best trial, and all that ended, by slot.

    Raises:
        UserError: trials are missing, or none has a finite value.
    """
    if not path.exists():
        raise UserError(f"no such study: {path}")
    every = open_study(path).get_trials(states=ENDED)
    ended = sorted((t for t in every if _slot(t) < trials), key=_slot)
    slots = [_slot(trial) for trial in ended]
    if slots != list(range(trials)):
        raise UserError(f"{path}: expected trials {trials}, found slots {slots}")
    finite = [
        t for t in ended if t.state == TrialState.COMPLETE and t.value is not None
    ]
    finite = [trial for trial in finite if trial.value != float("inf")]
    if not finite:
        raise UserError(f"{path}: no trial ended with a finite error")
    return min(finite, key=lambda trial: (trial.value, _slot(trial))), ended


def _slot(trial: FrozenTrial) -> int:
    return trial.user_attrs.get("slot", -1)
