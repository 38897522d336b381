"""Keys that are right by themselves, and that nothing in the configuration uses."""

from __future__ import annotations

from collections.abc import Iterator

from fernn.config import options
from fernn.config.budgets import FORECASTS, task
from fernn.config.options import unknown
from fernn.config.problems import Problem
from fernn.config.protocols import OF_MODELS
from fernn.config.schema import Config

TAKEN = ("decoder_layers", "digits", "hidden")  # sizes that are options of kinds
AHEAD = ("horizon", "long_horizon")  # sizes that forecasts alone have


def problems(config: Config) -> Iterator[Problem]:
    """Of budgets and protocols; the rest of the configuration must be right."""
    everything = set().union(*(takers(config, name) for name in config.experiments))
    axes = {axis for each in config.experiments.values() for axis in each.axes}
    for name, budget in config.budgets.items():
        path = ("budgets", name)
        for option in budget.options:
            yield from unknown("option", option, everything, (*path, "options", option))
        for axis in budget.axes.keys() - axes:
            yield Problem((*path, "axes", axis), "no experiment has this axis")
        for experiment in budget.sizes:
            yield from _sizes(config, name, experiment)
    for name in config.protocols:
        yield from _protocol(config, name)


def takers(config: Config, experiment: str) -> set[str]:
    """The options of an experiment's data, and of its models, flows and cells."""
    entry = config.experiments[experiment]
    used = [("data", str(entry.dataset.get("kind")))]
    for name in {*entry.models, *entry.baselines} & config.models.keys():
        model = config.models[name]
        used.append(("models", model.kind))
        for package, option in (("flows", "flow"), ("cells", "cell")):
            spec = (model.model_extra or {}).get(option)
            used.append((package, str(spec["kind"]) if spec else ""))
    return {option for pair in used for option in options.names(*pair)}


def _sizes(config: Config, budget: str, experiment: str) -> Iterator[Problem]:
    """An experiment's own sizes, that its data, models and axes do not take."""
    path = ("budgets", budget, "sizes", experiment)
    own = config.budgets[budget].sizes[experiment]
    for axis in own.axes or {}:
        known = config.experiments[experiment].axes
        yield from unknown("axis", axis, known, (*path, "axes", axis))
    unseen = {*TAKEN} - takers(config, experiment)
    if task(config, experiment) not in FORECASTS:
        unseen |= {*AHEAD}
    for key in unseen & own.model_fields_set:
        yield Problem((*path, key), f"nothing in {experiment!r} takes it")


def _protocol(config: Config, name: str) -> Iterator[Problem]:
    """What the models of a protocol's experiments, if there are any, do not take."""
    entries = config.experiments
    users = [each for each in entries if entries[each].protocol == name]
    if not users:
        return
    path, protocol = ("protocols", name), config.protocols[name]
    trained = {model for each in users for model in entries[each].models}
    for own in OF_MODELS:
        for model in getattr(protocol, own):
            where = (*path, own, model)
            yield from unknown("model of its experiments", model, trained, where)
    taken = set().union(*(takers(config, each) for each in users))
    given = {"rollout", "initial"} - taken
    if all(task(config, each) not in FORECASTS for each in users):
        given |= {"extend_horizon"} if protocol.extend_horizon else set()
        given |= {"validation_horizon"}
    for key in given & protocol.model_fields_set:
        if getattr(protocol, key) is not None:
            yield Problem((*path, key), "no model of its experiments takes it")
