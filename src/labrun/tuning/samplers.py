"""How hyperparameters are chosen: ranges, and every argument of the samplers."""

from __future__ import annotations

from typing import Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.study import Study
from optuna.trial import FrozenTrial, Trial

from labrun.errors import UserError
from labrun.random_words import words

STARTUP = 4  # trials before the sampler models their values


class Fixed(optuna.samplers.BaseSampler):
    """Hyperparameters as given.

    Enqueued trials would not do: another worker could take one that waits.
    """

    def __init__(self, point: dict[str, Any]):
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


def sampler(seed: int, slot: int) -> optuna.samplers.BaseSampler:
    """The sampler of a slot: whoever fills it draws the same from the same history."""
    return optuna.samplers.TPESampler(
        n_startup_trials=STARTUP,
        n_ei_candidates=24,
        multivariate=True,
        group=False,
        constant_liar=True,
        seed=int(words(seed, "tuning", 0, slot, 1, 1)[0, 0]),
    )


def pruner() -> optuna.pruners.BasePruner:
    """Stop a trial that is behind the median of the earlier ones."""
    return optuna.pruners.MedianPruner(
        n_startup_trials=3, n_warmup_steps=1, interval_steps=1, n_min_trials=3
    )


Range = dict[str, Any]
INTERVAL = {"low", "high", "log", "integer"}


def distributions(ranges: dict[str, Range]) -> dict[str, BaseDistribution]:
    """A distribution for each range, by name in their order.

    Args:
        ranges: ``{"low", "high"}`` with ``log`` and ``integer`` or without, or
            ``{"choices"}``.

    Raises:
        UserError: a range has other keys, or is empty.
    """
    return {name: _distribution(name, ranges[name]) for name in sorted(ranges)}


def _distribution(name: str, span: Range) -> BaseDistribution:
    try:
        if span.keys() == {"choices"}:
            return CategoricalDistribution(span["choices"])
        if {"low", "high"} <= span.keys() <= INTERVAL:
            kind = IntDistribution if span.get("integer") else FloatDistribution
            return kind(span["low"], span["high"], log=span.get("log", False))
    except (TypeError, ValueError) as error:
        raise UserError(f"range of {name}: {error}") from None
    raise UserError(f"range of {name} has low and high, or choices; got {span}")


def suggest(trial: Trial, space: dict[str, BaseDistribution]) -> None:
    """Have a trial draw a value of each distribution."""
    for name, one in space.items():
        if isinstance(one, CategoricalDistribution):
            trial.suggest_categorical(name, one.choices)
        elif isinstance(one, IntDistribution):
            trial.suggest_int(name, one.low, one.high, log=one.log)
        elif isinstance(one, FloatDistribution):
            trial.suggest_float(name, one.low, one.high, log=one.log)
