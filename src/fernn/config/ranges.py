"""What a range of a tuned option can have wrong."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from fernn.config import models, options, protocols
from fernn.config.budgets import options_of_sizes, sized
from fernn.config.fields import same
from fernn.config.learners import (
    TRAINING,
    search_of,
    tunable_options,
    value_of,
    with_defaults,
)
from fernn.config.problems import Problem, of_field
from fernn.config.schema import Budget, Config, Model, Protocol, Range, Search
from fernn.training.settings import dotted, specs_of, with_options
from labrun.errors import nearest

_WHOLE = "; with `integer: true` a range is of whole numbers"
LENGTH = "a size of the budget; trials of other lengths cannot be compared"
FRAMES = "a size of the budget; errors of other frames cannot be compared"
FIXED = {  # why an option cannot be tuned
    "batch": LENGTH,
    "sequences": LENGTH,
    "epochs": LENGTH,
    "context": FRAMES,
    "horizon": FRAMES,
    "long_horizon": FRAMES,
    "validation_horizon": "what trials are compared by",
    "frame_size": FRAMES,
    "size": FRAMES,
    "precision": "a size of the budget; it decides how numbers are rounded",
    "select_by": "what decides which trial is best",
    "seed": "what results are averaged over",
    "seeds": "what results are averaged over",
    "seed_draws": "what results are averaged over",
    "classes": "given by the data",
    "flow": "a mapping, and what models are compared by; give each a model of its own",
    "execution": "about speed alone; the network is the same",
    "checkpoint": "about memory alone; the network is the same",
}


@dataclass(frozen=True)
class Users:
    """A search, its place, and the models that it is for: experiments and models."""

    search: Search
    path: tuple
    learners: list[tuple[str, str]]


def problems(config: Config, users: Users, name: str, span: Range) -> Iterator[Problem]:
    """Of the range of one option, for all that are searched in it."""
    found = [*shape(span, (*users.path, "ranges", name))]
    yield from found or _range(config, users, name, span)


def shape(span: Range, path: tuple) -> Iterator[Problem]:
    """A range is an interval or a choice."""
    if span.choices is not None:
        if span.low is not None or span.high is not None:
            yield Problem(path, "is given by low and high or by choices, not by both")
        elif span.log or span.integer:
            yield Problem(path, "log and integer are of low and high, not of choices")
        elif len(span.choices) < 2 or _twice(span.choices):
            yield Problem(path, f"needs two or more that differ, got {span.choices}")
    elif span.low is None or span.high is None:
        yield Problem(path, "is given by low and high, or by choices")
    elif not span.low < span.high or (span.log and span.low <= 0):
        yield Problem(path, f"is no interval, got {span.low} … {span.high}")
    elif span.integer and (span.low % 1 or span.high % 1):
        ends = f"{span.low} … {span.high}"
        yield Problem(path, f"of whole numbers has whole ends, got {ends}")


def _twice(choices: list[Any]) -> bool:
    pairs = itertools.combinations(choices, 2)
    return any(same(one, other) for one, other in pairs)


def _range(config: Config, users: Users, name: str, span: Range) -> Iterator[Problem]:
    """Whether there is such an option, and what it makes of the range."""
    path = (*users.path, "ranges", name)
    known = {*TRAINING}
    for experiment, model in users.learners:
        known |= {*_of_kinds(config, experiment, model)}
        known |= {*options.names("models", config.models[model].kind)}
    if name in FIXED:
        yield Problem(path, f"cannot be tuned: it is {FIXED[name]}")
    elif name not in known:
        hint = nearest(name, known - FIXED.keys())
        yield Problem(path, f"cannot be tuned; {hint}")
    elif "." in name:
        yield from _of_decided(config, users, name, span)
    elif name in TRAINING:
        for value in _probes(span):
            yield from _of_training(name, value, path)
    else:
        yield from _of_models(config, users, name, span)


def _probes(span: Range) -> list[Any]:
    """Values of a range that stand for all: the ends, and one that is odd or even."""
    if span.choices is not None:
        return span.choices
    assert span.low is not None and span.high is not None
    if span.integer:
        return [int(span.low), int(span.low) + 1, int(span.high)]
    return [span.low, span.high]


def _decided(config: Config, experiment: str, model: str) -> dict[str, Any]:
    """What a model's training is told; nothing without an experiment."""
    spec = config.experiments.get(experiment)
    protocol = config.protocols.get(spec.protocol) if spec else None
    return protocols.decided(protocol, config.models[model]) if protocol else {}


def _of_kinds(config: Config, experiment: str, model: str) -> Iterator[str]:
    """The options of the kinds that decide a model's training."""
    for key, value in _decided(config, experiment, model).items():
        for spec in specs_of(value):
            if not [*protocols.kind_problems(key, spec, ())]:
                own = f"{spec['kind']}." if isinstance(value, list) else ""
                for option in protocols.declared(key, spec["kind"]):
                    yield f"{key}.{own}{option}"


def _of_decided(
    config: Config, users: Users, name: str, span: Range
) -> Iterator[Problem]:
    """What a kind says to values of the range, and whether trial 0 is in it."""
    path, key = (*users.path, "ranges", name), name.partition(".")[0]
    for experiment, model in users.learners:
        if name not in {*_of_kinds(config, experiment, model)}:
            continue
        given = _decided(config, experiment, model)
        for value in _probes(span):
            tried = with_options(given, {name: value})[key]
            for each in protocols.kind_problems(key, tried, ()):
                yield Problem(path, f"does not suit {model!r}: {each.message}")
        first = dotted(with_defaults(given, users.search)).get(name)
        if not span.holds(first):
            where = f"{model!r} in {experiment!r}"
            yield Problem(path, f"does not hold {first!r}, trial 0's of {where}")


def _of_training(name: str, value: Any, path: tuple) -> Iterator[Problem]:
    if name == "schedule":
        yield from protocols.kind_problems(name, value, path)
    else:
        yield from of_field(Protocol, name, value, path)


def _of_models(
    config: Config, users: Users, name: str, span: Range
) -> Iterator[Problem]:
    """What models say to values of the range, and whether trial 0 is in it."""
    path, sizes = (*users.path, "ranges", name), options_of_sizes(config)
    budget, takers = config.budgets.get(config.budget), 0
    for experiment, model in users.learners:
        entry = config.models[model]
        if name not in tunable_options(entry):
            continue
        takers += 1
        for value in _probes(span):
            for message in _objections(entry, name, value, sizes):
                hint = _WHOLE if isinstance(value, float) and not value % 1 else ""
                yield Problem(path, f"does not suit {model!r}: {message}{hint}")
        for value in _first_value(config, budget, experiment, model, name):
            wrong = [*_objections(entry, name, value, sizes)]  # told where it is given
            if not span.holds(value) and not wrong:
                where = f"{model!r} in {experiment!r} at budget {config.budget!r}"
                yield Problem(path, f"does not hold {value!r}, trial 0's of {where}")
    if not takers:
        yield Problem(path, "cannot be tuned: no model leaves it open")


def _objections(entry: Model, name: str, value: Any, sizes: set[str]) -> Iterator[str]:
    """What a model's entry says to a value, besides what it says anyway."""
    before = {*models.problems(entry, (), sizes)}
    for each in models.problems(entry.model_copy(update={name: value}), (), sizes):
        if each not in before:
            yield each.message


def _first_value(
    config: Config, budget: Budget | None, experiment: str, model: str, name: str
) -> Iterator[Any]:
    """An option as trial 0 has it, if the budget searches it."""
    if budget and experiment in budget.experiments:
        own, entry = sized(config, budget, experiment), config.experiments[experiment]
        if name in search_of(config, own, entry).ranges:
            yield value_of(config, own, entry, model, name)
