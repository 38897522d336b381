"""What the sizes of a budget can have wrong."""

from __future__ import annotations

from collections.abc import Iterator

from fernn.config import options
from fernn.config.options import each_known, unknown
from fernn.config.problems import Problem
from fernn.config.schema import Budget, Config
from fernn.config.sizes import sized


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
                place = where if key in own.model_fields_set else path
                yield Problem((*place, key, *inner), problem.message)
            yield from _options(config, name, own.options or {}, (*where, "options"))
        given = own.tuning.model_fields_set if own.tuning else set()
        for key in sorted(given & {"workers", "mode"}):
            message = "is the budget's, one for all experiments"
            yield Problem((*where, "tuning", key), message)


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
    for axis in budget.axes:
        yield from unknown("axis", axis, config.axes, (*path, "axes", axis))


def _unequal(batch: int, devices: int) -> str:
    divisors = [number for number in range(1, batch + 1) if batch % number == 0]
    closest = min(divisors, key=lambda number: abs(number - devices))
    return f"{devices} cannot share a batch of {batch} equally; nearest: {closest}"
