"""What a training step of a model costs, as written or as counted."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from fernn.config import options
from fernn.config.budgets import sized
from fernn.config.learners import options_of
from fernn.config.operations import Step, count, countable
from fernn.config.problems import Problem
from fernn.config.schema import Budget, Config, Experiment

APART = 2.0  # a written cost may be so far from what operations tell


def costs(config: Config, budget: Budget, experiment: Experiment) -> dict[str, float]:
    """The cost of each trained model: the written one, else its operations.

    Written costs are ratios, so the operations are told in their unit: those of the
    model whose written cost is nearest to 1 stand for it. If none is written, the
    largest model costs 1.

    Args:
        config: without mistakes.
        budget: at the sizes of the experiment.
        experiment: whose models are compared.
    """
    written = _written(config, budget, experiment)
    if written.keys() >= {*experiment.models}:
        return {name: written[name] for name in experiment.models}
    if len(experiment.models) == 1:
        return {experiment.models[0]: 1.0}
    counted = _counted(config, budget, experiment)
    one = _unit(written, counted)
    found = {name: float(f"{each / one:.3g}") for name, each in counted.items()}
    return {name: written.get(name, found.get(name, 1.0)) for name in experiment.models}


def problems(config: Config) -> Iterator[Problem]:
    """Costs that are not written and cannot be counted, in any experiment."""
    for name, experiment in config.experiments.items():
        known = {each for each in experiment.models if each in config.models}
        written = {each for each in known if config.models[each].cost is not None}
        can = {each for each in known if countable(_options(config, each))}
        comparable = can & written if written else can
        for model in sorted(known - written) if len(known) > 1 else []:
            if _is_read(config, model) and (model not in can or not comparable):
                what = "this kind" if model not in can else "others with a cost"
                message = (
                    f"is missing; operations of {what} in {name!r} are not counted,"
                    " so tell what a step costs relative to other models"
                )
                yield Problem(("models", model, "cost"), message)


def remarks(config: Config) -> list[tuple[str, Problem]]:
    """What to tell of the costs that decide epochs in the budget; no mistakes.

    A step takes its operations and what every step takes besides, such as calls. How
    much that is depends on the machine; it is taken to be between nothing and as much
    as the operations of the unit. Then a model with c times the unit's operations
    costs between c and (1 + c) / 2.

    Returns:
        ``note`` or ``warning``, and what it is about.
    """
    whole, found = config.budgets[config.budget], dict[tuple, list[str]]()
    for name in whole.experiments:
        budget, experiment = sized(config, whole, name), config.experiments[name]
        if budget.match == "compute" and len(experiment.models) > 1:
            own = name in whole.sizes and whole.sizes[name].costs is not None
            place = ("budgets", config.budget, *(("sizes", name) if own else ()))
            for remark in _remarks(config, budget, experiment, place):
                found.setdefault(remark, []).append(name)
    return [
        (level, Problem(path, f"{text} in {' and '.join(names)}"))
        for (level, path, text), names in found.items()
    ]


def _remarks(
    config: Config, budget: Budget, experiment: Experiment, place: tuple[str, ...]
) -> Iterator[tuple[str, tuple, str]]:
    """Levels, places and texts; `place` is where the budget's costs are written."""
    written = _written(config, budget, experiment)
    own = config.protocols[experiment.protocol].costs
    counted = _counted(config, budget, experiment)
    for model, cost in costs(config, budget, experiment).items():
        path = ("models", model, "cost")
        if model in budget.costs:
            path = (*place, "costs", model)
        elif model in own:
            path = ("protocols", experiment.protocol, "costs", model)
        if model not in written:
            yield "note", path, f"is not given, and counted as {cost:g}"
        elif model in counted and config.models[model].strategy is None:
            # Operations of a strategy are not counted.
            far = _too_far(cost, counted[model] / _unit(written, counted))
            if far:
                yield "warning", path, far


def _too_far(cost: float, ratio: float) -> str:
    """How far a cost is from what a ratio of operations allows; empty if it is not."""
    low, high = sorted([ratio, (1 + ratio) / 2])
    if low / APART <= cost <= high * APART:
        return ""
    side = "less than half" if cost < low else "more than twice"
    return f"{cost:g} is {side} what operations tell, {low:.2g} to {high:.2g}"


def _written(
    config: Config, budget: Budget, experiment: Experiment
) -> dict[str, float]:
    """Of the budget, which knows their sizes, else of the protocol, else of models."""
    found = {name: config.models[name].cost for name in experiment.models}
    found |= config.protocols[experiment.protocol].costs | budget.costs
    found = {name: found[name] for name in experiment.models}
    return {name: cost for name, cost in found.items() if cost is not None}


def _counted(
    config: Config, budget: Budget, experiment: Experiment
) -> dict[str, float]:
    """Operations of a step of each model whose kind tells them."""
    protocol = config.protocols[experiment.protocol]
    longer = budget.long_horizon - budget.horizon if protocol.extend_horizon else 0
    step = Step(budget.frame_size, budget.context, budget.horizon + longer / 4)
    specs = {
        name: options_of(config, budget, experiment, name) for name in experiment.models
    }
    return {name: count(spec, step) for name, spec in specs.items() if countable(spec)}


def _unit(written: Mapping[str, float], counted: Mapping[str, float]) -> float:
    """The operations that cost 1."""
    both = [name for name in counted if name in written]
    if not both:
        return max(counted.values(), default=1.0)
    nearest = min(both, key=lambda name: abs(math.log(written[name])))
    return counted[nearest] / written[nearest]


def _options(config: Config, model: str) -> dict[str, Any]:
    spec = config.models[model]
    return {"kind": spec.kind, **(spec.model_extra or {})}


def _is_read(config: Config, model: str) -> bool:
    """Whether kind and flow exist; of others that is told already."""
    spec = _options(config, model)
    flow = spec.get("flow")
    there = not isinstance(flow, dict) or options.exists("flows", flow.get("kind"))
    return options.exists("models", spec["kind"]) and there
