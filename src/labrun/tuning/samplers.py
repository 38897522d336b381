"""How hyperparameters are chosen, every argument stated: defaults change."""

from __future__ import annotations

from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.study import Study
from optuna.trial import FrozenTrial

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
