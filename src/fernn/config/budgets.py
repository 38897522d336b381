"""What an experiment has of a budget, its sizes or its own, and their mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fernn.config import options
from fernn.config.options import each_known, unknown
from fernn.config.problems import Problem, of_field
from fernn.config.schema import AxisSizes, Budget, Config

ALONE = {"workers": 1, "mode": "workers"}  # of a study whose trials one job makes


def problems(config: Config, budget: Budget, path: tuple) -> Iterator[Problem]:
    """Of one budget, those of its experiments' own sizes among them."""
    where = (*path, "experiments")
    yield from each_known(budget.experiments, config.experiments, where, "experiment")
    yield from _sizes(config, budget, path)
    for name, own in budget.sizes.items():
        where = (*path, "sizes", name)
        yield from unknown("experiment", name, config.experiments, where)
        if name in config.experiments:
            for problem in _sizes(config, sized(config, budget, name), where):
                key, *inner = problem.path[len(where) :]
                place = where if _gives(own, key, inner) else path
                yield Problem((*place, key, *inner), problem.message)
            yield from _options(config, name, own.options or {}, (*where, "options"))
        tuned = own.tuning.model_fields_set if own.tuning else set()
        for key in sorted(tuned & {"workers", "mode"}):
            message = "is the budget's, one for all experiments"
            yield Problem((*where, "tuning", key), message)
    for key, one in ALONE.items() if budget.train == "model" else ():
        if getattr(budget.tuning, key) != one:
            message = (
                f"train: model has one job for all trials; choose {one} or train: seeds"
            )
            yield Problem((*path, "tuning", key), message)


def _gives(own: Any, key: str, inner: list) -> bool:
    """Whether a size is an experiment's own; axes that it does not name are not."""
    if key == "axes":
        return inner[0] in (own.axes or {})
    return key in own.model_fields_set


def _options(
    config: Config, name: str, given: dict[str, int], path: tuple
) -> Iterator[Problem]:
    """Sizes that none of the experiment's data, models and flows has an option for."""
    experiment = config.experiments[name]
    used = [("data", str(experiment.dataset.get("kind")))]
    for model in config.models.keys() & set(experiment.models):
        spec = config.models[model]
        used.append(("models", spec.kind))
        flow = (spec.model_extra or {}).get("flow")
        used.append(("flows", str(flow.get("kind")) if isinstance(flow, dict) else ""))
    known = {option for pair in used for option in options.names(*pair)}
    for option in given:
        yield from unknown("option", option, known, (*path, option))


def _sizes(config: Config, budget: Budget, path: tuple) -> Iterator[Problem]:
    yield from unknown("source", budget.source, config.sources, (*path, "source"))
    if budget.sequences < budget.batch:
        message = f"an epoch of {budget.sequences} is less than a batch, {budget.batch}"
        yield Problem((*path, "sequences"), message)
    if budget.long_horizon < budget.horizon:
        message = (
            f"must be at least the horizon, {budget.horizon}, got {budget.long_horizon}"
        )
        yield Problem((*path, "long_horizon"), message)
    if budget.batch % budget.devices:
        yield Problem((*path, "devices"), _unequal(budget.batch, budget.devices))
    for model in budget.costs:
        yield from unknown("model", model, config.models, (*path, "costs", model))
    for axis in budget.axes:
        yield from unknown("axis", axis, config.axes, (*path, "axes", axis))


def _unequal(batch: int, devices: int) -> str:
    divisors = [number for number in range(1, batch + 1) if batch % number == 0]
    closest = min(divisors, key=lambda number: abs(number - devices))
    return f"{devices} cannot share a batch of {batch} equally; nearest: {closest}"


FORECAST = "forecast"
FORECASTS = (FORECAST, "act")  # tasks that predict frames


def sized(config: Config, budget: Budget, experiment: str) -> Budget:
    """The budget with the sizes of an experiment; what is classified has no future."""
    own = budget.sizes.get(experiment)
    update = {name: getattr(own, name) for name in own.model_fields_set} if own else {}
    if own and own.axes:
        update["axes"] = {**budget.axes, **_over(budget.axes, own.axes)}
    if task(config, experiment) not in FORECASTS:
        update |= {"horizon": 0, "long_horizon": 0}
    return budget.model_copy(update=update)


def _over(
    axes: dict[str, AxisSizes], own: dict[str, AxisSizes]
) -> dict[str, AxisSizes]:
    """The axes that an experiment names; what it does not say is as in the budget."""
    return {
        name: axes[name].model_copy(update=given.model_dump(exclude_unset=True))
        if name in axes
        else given
        for name, given in own.items()
    }


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


def measured(statistic: str) -> tuple[str, ...]:
    """The tasks that a statistic is measured on: its ``TASK``, one or several."""
    found = options.constant("evaluation", statistic, "TASK") or FORECAST
    return (found,) if isinstance(found, str) else tuple(found)
