"""What an experiment can have wrong."""

from __future__ import annotations

from collections.abc import Iterator

from fernn import needs
from fernn.config import axes, options
from fernn.config.options import each_known, unknown
from fernn.config.problems import Problem
from fernn.config.schema import Config
from fernn.config.sizes import FORECAST, options_of_sizes, task, task_of


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
    if dataset.get("kind") in list(options.kinds("data")):
        yield from _fit(config, name)
        yield from _one_task(config, name)


def _fit(config: Config, name: str) -> Iterator[Problem]:
    """A model must flow as its data do, and a baseline must need no training."""
    experiment, path = config.experiments[name], ("experiments", name)
    dataset = experiment.dataset
    flow = dataset.get("flow", options.default("data", dataset["kind"], "flow"))
    if flow not in list(options.kinds("flows")):
        where = (*path, "dataset", "flow")
        yield from unknown("flow", flow, options.kinds("flows"), where)
        return
    for group in ("models", "baselines"):
        for index, model in enumerate(getattr(experiment, group)):
            spec = config.models.get(model)
            if spec is None or spec.kind not in list(options.kinds("models")):
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
        found = task_of("evaluation", spec.statistic) if spec else wanted
        if found not in (wanted, "any"):
            message = f"{axis!r} measures how models {found}, the data are to {wanted}"
            yield Problem((*path, "axes", index), message)
    protocol = config.protocols.get(experiment.protocol)
    if protocol and wanted == FORECAST and protocol.rollout is None:
        message = f"has no rollout, and {name!r} forecasts"
        yield Problem(("protocols", experiment.protocol), message)
