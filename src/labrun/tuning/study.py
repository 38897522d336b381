"""A study in a journal file: exact in its number of trials, whoever dies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
    """

    trials: int
    points: list[dict[str, Any]]
    ranges: dict[str, dict[str, Any]]
    seed: int = 0


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
) -> dict[str, Any]:
    """Work on the study of some settings and data until no slot is free.

    Args:
        folder: of the studies; one of other settings or data is another journal.
        search: what is searched; more trials are no other study.
        identity: the settings that the trials are a function of, the ranges too.
        lineage: of the data, see `labrun.lineage.stamp`.
        objective: gets the trial and its hyperparameters.

    Returns:
        What `labrun.tuning.batch.choose` reads: the journal, lineage and slots.

    Raises:
        ContinueMe: a trial was asked to stop; its slot is free again.
    """
    name = f"{fingerprint({**identity, 'data': lineage['inputs']})[:12]}.journal"
    slots = work(folder / name, search, objective)
    return {"journal": name, "lineage": dict(lineage), "slots": slots}


def report(trial: Trial, step: int, value: float) -> None:
    """Report a trial's value after a step.

    Raises:
        Pruned: the trial is behind the earlier ones.
    """
    trial.report(value, step)
    if trial.should_prune():
        raise Pruned


def work(path: Path, search: Search, objective: Objective) -> list[int]:
    """Fill free slots of a study until there are none.

    A slot's ticket is a lease, so that each is filled by one worker at a time and the
    number of trials is exact. A trial whose worker died is marked as failed, and its
    slot is filled again with the same hyperparameters.

    Args:
        path: the study's journal.
        search: what is searched.
        objective: gets the trial and its hyperparameters.

    Returns:
        The slots that were filled.

    Raises:
        ContinueMe: a trial was asked to stop; its slot is free again.
    """
    filled = []
    storage = journal.storage(path)
    study = _study(storage)
    for slot in range(search.trials):
        ticket = Lease(path.parent / "slots" / f"{path.stem}-{slot:03d}.lease", "trial")
        ticket.path.parent.mkdir(parents=True, exist_ok=True)
        if not ticket.take():
            continue
        try:
            with stoppable():
                if _fill(storage, study, search, slot, objective):
                    filled.append(slot)
        finally:
            ticket.release()
    return filled


def _fill(
    storage: JournalStorage,
    study: optuna.Study,
    search: Search,
    slot: int,
    objective: Objective,
) -> bool:
    """Run a slot's trial, unless it has ended; the caller holds its ticket."""
    earlier = [trial for trial in study.get_trials() if _slot(trial) == slot]
    if any(trial.state in ENDED for trial in earlier):
        return False
    for trial in earlier:
        if trial.state == TrialState.RUNNING:  # its worker is dead: we have the ticket
            study.tell(trial.number, state=TrialState.FAIL)
    trial = _ask(storage, study, search, slot, earlier)
    if _deaths(earlier) >= DEATHS:
        trial.set_user_attr("failure", f"its worker died {DEATHS} times")
        study.tell(trial, values=float("inf"))
        return True
    try:
        value = objective(trial, dict(trial.params))
    except Pruned:
        study.tell(trial, state=TrialState.PRUNED)
    except ArithmeticError as error:
        trial.set_user_attr("failure", str(error))
        study.tell(trial, values=float("inf"))
    except ContinueMe as stop:
        trial.set_user_attr("interrupted", str(stop))
        study.tell(trial, state=TrialState.FAIL)
        raise
    else:
        study.tell(trial, values=value)
    return True


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
