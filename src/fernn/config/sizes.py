"""What an experiment has of a budget: the budget's sizes, or its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fernn.config import options
from fernn.config.problems import Problem, of_field
from fernn.config.schema import Budget, Config

FORECAST = "forecast"


def sized(config: Config, budget: Budget, experiment: str) -> Budget:
    """The budget with the sizes of an experiment; what is classified has no future."""
    own = budget.sizes.get(experiment)
    update = {name: getattr(own, name) for name in own.model_fields_set} if own else {}
    if task(config, experiment) != FORECAST:
        update |= {"horizon": 0, "long_horizon": 0}
    return budget.model_copy(update=update)


def out_of_range(own: dict[str, Any], path: tuple) -> Iterator[Problem]:
    """Sizes among the options of an axis or model that a budget could not have."""
    for name in own.keys() & Budget.model_fields.keys():
        yield from of_field(Budget, name, own[name], (*path, name))


def options_of_sizes(config: Config) -> set[str]:
    """The options that some budget gives to data, models and flows."""
    sizes = [own for budget in config.budgets.values() for own in budget.sizes.values()]
    return {
        name for own in [*sizes, *config.budgets.values()] for name in own.options or {}
    }


def task(config: Config, experiment: str) -> str:
    """What an experiment's models learn: ``TASK`` of its data's module."""
    return task_of("data", str(config.experiments[experiment].dataset.get("kind")))


def task_of(package: str, kind: str) -> str:
    """``TASK`` of a module; forecasting is what they do by default."""
    return options.constant(package, kind, "TASK") or FORECAST
