"""Which model another is compared with, and what is different between the two.

A treated model is compared with the one that it is made of. Any other one names its
control itself (`against`), and is compared with it in the experiments that have both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fernn.config.options import unknown
from fernn.config.problems import Problem
from fernn.config.schema import Config, Experiment, Model
from fernn.training.settings import specs_of


def problems(config: Config) -> Iterator[Problem]:
    """A control is another model."""
    for name, model in config.models.items():
        path = ("models", name, "against")
        if model.against == name:
            yield Problem(path, "is the model itself; name another")
        elif model.against is not None:
            yield from unknown("model", model.against, config.models, path)


def told(config: Config, experiment: Experiment, name: str) -> dict[str, Any]:
    """``against``, a model of the experiment, and ``change``; nothing without one."""
    treated = experiment.treated.get(name)
    if treated:
        kinds = [each["kind"] for each in treated.treatment]
        return {"against": treated.of, "change": kinds}
    model = config.models[name]
    if model.against not in experiment.models:
        return {}
    return {
        "against": model.against,
        "change": change(model, config.models[model.against]),
    }


def change(model: Model, other: Model) -> list[str]:
    """Kinds of strategies, and names of options, that one has and the other has not."""
    here, there = model.model_extra or {}, other.model_extra or {}
    names = [*dict.fromkeys([*here, *there])]
    options = [name for name in names if here.get(name) != there.get(name)]
    known = specs_of(other.strategy)
    return options + [
        each["kind"] for each in specs_of(model.strategy) if each not in known
    ]
