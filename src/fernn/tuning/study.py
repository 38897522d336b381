"""A study in a journal file: exact in its number of trials, resumable by its slots."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import optuna
from optuna import TrialPruned
from optuna.distributions import BaseDistribution, FloatDistribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from fernn.data._random import words
from fernn.errors import UserError

Objective = Callable[[Trial, dict[str, float]], float]
ENDED = (TrialState.COMPLETE, TrialState.PRUNED)
STARTUP = 4  # trials before the sampler models their values


def open_study(journal: Path) -> Study:
    """The study in a journal file, made if there is none."""
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal.parent.mkdir(parents=True, exist_ok=True)
    storage = JournalStorage(JournalFileBackend(str(journal)))
    return optuna.create_study(
        storage=storage, study_name="study", direction="minimize", load_if_exists=True
    )


class Fixed(optuna.samplers.BaseSampler):
    """Hyperparameters as given.

    Enqueued trials would not do: another worker could take one that waits.
    """

    def __init__(self, point: dict[str, float]):
        self.point = point

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict:
        """Nothing is sampled jointly."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict
    ) -> dict:
        """Nothing is sampled jointly."""
        return {}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """The given value."""
        return self.point[param_name]


def sampler(seed: int) -> optuna.samplers.BaseSampler:
    """Every argument is stated: their defaults change between versions."""
    return optuna.samplers.TPESampler(
        n_startup_trials=STARTUP,
        n_ei_candidates=24,
        multivariate=True,
        group=False,
        constant_liar=True,
        seed=seed,
    )


def pruner() -> optuna.pruners.BasePruner:
    """Stop a trial that is behind the median of the earlier ones."""
    return optuna.pruners.MedianPruner(
        n_startup_trials=3, n_warmup_steps=1, interval_steps=1, n_min_trials=3
    )


def run_slots(
    journal: Path,
    slots: range,
    points: list[dict[str, float]],
    ranges: dict[str, dict[str, Any]],
    seed: int,
    objective: Objective,
) -> None:
    """Run the trials of these slots that have not ended.

    A slot is one place in the study's budget. Slots belong to one worker, so several
    workers share a journal and the number of trials is exact; a trial that was cut off
    is marked as failed and its slot runs again.

    Args:
        journal: the study's file.
        slots: of this worker.
        points: hyperparameters of the first slots: trial 0 is the published one.
        ranges: ``{name: {"low", "high", "log"}}`` for the other slots.
        seed: of the study; each slot has a sampler of its own.
        objective: gets the trial and its hyperparameters.
    """
    study = open_study(journal)
    for trial in study.get_trials(states=(TrialState.RUNNING, TrialState.WAITING)):
        if _slot(trial) in slots:
            study.tell(trial.number, state=TrialState.FAIL)
    ended = {_slot(trial) for trial in study.get_trials(states=ENDED)}
    space: dict[str, BaseDistribution] = {
        name: FloatDistribution(**span) for name, span in sorted(ranges.items())
    }
    for slot in slots:
        if slot in ended:
            continue
        own_seed = int(words(seed, "tuning", 0, slot, 1, 1)[0, 0])
        study.sampler = Fixed(points[slot]) if slot < len(points) else sampler(own_seed)
        study.pruner = pruner()
        trial = study.ask(space)
        trial.set_user_attr("slot", slot)
        try:
            value = objective(trial, dict(trial.params))
        except TrialPruned:
            study.tell(trial, state=TrialState.PRUNED)
        except ArithmeticError as error:
            trial.set_user_attr("failure", str(error))
            study.tell(trial, values=float("inf"))
        else:
            study.tell(trial, values=value)


def best(journal: Path, trials: int) -> tuple[FrozenTrial, list[FrozenTrial]]:
    """The best trial, and all that ended, by slot.

    Raises:
        UserError: trials are missing, or none has a finite value.
    """
    if not journal.exists():
        raise UserError(f"no such study: {journal}")
    ended = sorted(open_study(journal).get_trials(states=ENDED), key=_slot)
    slots = [_slot(trial) for trial in ended]
    if slots != list(range(trials)):
        raise UserError(f"{journal}: expected trials {trials}, found slots {slots}")
    finite = [
        t for t in ended if t.state == TrialState.COMPLETE and t.value is not None
    ]
    finite = [trial for trial in finite if trial.value != float("inf")]
    if not finite:
        raise UserError(f"{journal}: no trial ended with a finite error")
    return min(finite, key=lambda trial: (trial.value, _slot(trial))), ended


def _slot(trial: FrozenTrial) -> int:
    return trial.user_attrs.get("slot", -1)
