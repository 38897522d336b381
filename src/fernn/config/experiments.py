"""What an experiment can have wrong."""

from __future__ import annotations

from collections.abc import Iterator

from fernn import needs
from fernn.config import axes, options, protocols
from fernn.config.budgets import FORECASTS, measured, options_of_sizes, task, task_of
from fernn.config.options import each_known, unknown, unknown_kind
from fernn.config.problems import Problem
from fernn.config.schema import Config
from fernn.training import tasks
from labrun.errors import nearest


def problems(config: Config, name: str) -> Iterator[Problem]:
    """Of one experiment: its data, models, axes and protocol, and how they fit."""
    experiment, path = config.experiments[name], ("experiments", name)
    dataset = experiment.dataset
    where = (*path, "dataset")
    if name == needs.BENCH:
        yield Problem(path, "is the name of measurements; choose another")
    sizes = options_of_sizes(config)
    yield from options.check("data", dataset, where, axes.SIZES, optional=sizes)
    for group in ("models", "baselines"):
        names = getattr(experiment, group)
        yield from each_known(names, config.models, (*path, group), "model")
    yield from each_known(experiment.axes, config.axes, (*path, "axes"), "axis")
    where = (*path, "protocol")
    yield from unknown("protocol", experiment.protocol, config.protocols, where)
    for key, known in (
        ("reference", experiment.models),
        ("published", config.published),
    ):
        given = getattr(experiment, key)
        if given is not None:
            yield from unknown(key, given, known, (*path, key))
    if options.exists("data", dataset.get("kind")):
        yield from _fit(config, name)
        yield from _one_task(config, name)
    yield from _needed(config, name)


def _fit(config: Config, name: str) -> Iterator[Problem]:
    """A model must flow as its data do, and a baseline must need no training."""
    experiment, path = config.experiments[name], ("experiments", name)
    dataset = experiment.dataset
    flow = dataset.get("flow", options.default("data", dataset["kind"], "flow"))
    if not options.exists("flows", flow):
        yield from unknown_kind("flow", "flows", flow, (*path, "dataset", "flow"))
        return
    for group in ("models", "baselines"):
        for index, model in enumerate(getattr(experiment, group)):
            spec = config.models.get(model)
            if spec is None or not options.exists("models", spec.kind):
                continue
            own = (spec.model_extra or {}).get("flow")
            trained = options.constant("models", spec.kind, "TRAINED") is not False
            where = (*path, group, index)
            if trained != (group == "models"):
                other = "baselines" if group == "models" else "models"
                yield Problem(where, f"{model!r} ({spec.kind}) belongs under {other}")
            elif trained and isinstance(own, dict) and own.get("kind") != flow:
                message = f"{model!r} flows by {own.get('kind')}, the data by {flow}"
                yield Problem(where, message)


def _one_task(config: Config, name: str) -> Iterator[Problem]:
    """Models and statistics must be for what the data are for."""
    experiment, path = config.experiments[name], ("experiments", name)
    wanted = task(config, name)
    for group in ("models", "baselines"):
        for index, model in enumerate(getattr(experiment, group)):
            spec = config.models.get(model)
            found = task_of("models", spec.kind) if spec else wanted
            if found != wanted:
                message = f"{model!r} learns to {found}, the data are to {wanted}"
                yield Problem((*path, group, index), message)
    for index, axis in enumerate(experiment.axes):
        spec = config.axes.get(axis)
        found = measured(spec.statistic) if spec else (wanted,)
        if not {wanted, "any"} & {*found}:
            what = " or ".join(found)
            message = f"{axis!r} measures how models {what}, the data are to {wanted}"
            yield Problem((*path, "axes", index), message)
    protocol = config.protocols.get(experiment.protocol)
    if protocol and wanted in FORECASTS and protocol.rollout is None:
        message = f"has no rollout, and {name!r} forecasts"
        yield Problem(("protocols", experiment.protocol), message)
    if protocol and protocol.select_by == "accuracy" and not tasks.answers(wanted):
        message = f"is 'accuracy', and models of {name!r} {wanted}; give 'error'"
        yield Problem(("protocols", experiment.protocol, "select_by"), message)


def _needed(config: Config, name: str) -> Iterator[Problem]:
    """A strategy's other models are trained in the same experiment, and before."""
    experiment = config.experiments[name]
    protocol = config.protocols.get(experiment.protocol)
    if protocol is None:
        return
    edges: dict[str, set[str]] = {}
    for model in experiment.models:
        entry = config.models.get(model)
        decided = protocols.decided(protocol, entry) if entry else {}
        own = entry is not None and entry.strategy is not None
        start = ("models", model) if own else ("protocols", experiment.protocol)
        needs = protocols.needs(decided.get("strategy"))
        untrained = protocols.untrained(decided.get("strategy"))
        for option, other in {**needs, **untrained}.items():
            if other not in experiment.models:
                hint = nearest(str(other), experiment.models)
                message = f"{option} {other!r} is no model of {name!r}; {hint}"
                if other in experiment.treated:
                    base = experiment.treated[other].of
                    message = (
                        f"{option} {other!r} is treated, not trained; name {base!r}"
                    )
                yield Problem((*start, "strategy"), message)
        edges[model] = {*needs.values()}
        if model in _before(edges, model):
            message = f"{model!r} needs itself trained, in {name!r}"
            yield Problem((*start, "strategy"), message)


def _before(edges: dict[str, set[str]], model: str) -> set[str]:
    """The models that must be trained before one."""
    found, new = set(), edges.get(model, set())
    while new:
        found |= new
        new = {each for one in new for each in edges.get(one, ())} - found
    return found
