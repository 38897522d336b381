"""Which model another is compared with, and what is different between the two.

A model names its control itself (`against`), and is compared with it in the experiments
that have both. A treated one that names none is compared with what it is made of.
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
    model = treated.model if treated else config.models[name]
    if treated and model.against is None:
        kinds = [each["kind"] for each in treated.treatment]
        return {"against": treated.of, "change": kinds}
    if model.against in experiment.treated:
        other = experiment.treated[model.against].model
    elif model.against in experiment.models:
        other = config.models[model.against]
    else:
        return {}
    return {"against": model.against, "change": change(model, other)}


def change(model: Model, other: Model) -> list[str]:
    """Kinds and names of options that one has and the other has not."""
    if model.kind != other.kind:
        return [model.kind]
    here, there = model.model_extra or {}, other.model_extra or {}
    names = [*dict.fromkeys([*here, *there])]
    options = [
        _word(name, here.get(name), there.get(name))
        for name in names
        if here.get(name) != there.get(name)
    ]
    known = specs_of(other.strategy)
    return options + [
        each["kind"] for each in specs_of(model.strategy) if each not in known
    ]


def _word(name: str, own: Any, other: Any) -> str:
    """The kind of an option that is of another kind, else its name."""
    kind = own.get("kind") if isinstance(own, dict) else None
    same = isinstance(other, dict) and other.get("kind") == kind
    return name if kind is None or same else kind
