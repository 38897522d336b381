"""What is tuned, and what of it can be wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fernn.config import ranges
from fernn.config.learners import TRAINING
from fernn.config.options import each_known
from fernn.config.problems import Problem
from fernn.config.ranges import Users
from fernn.config.schema import Config, Protocol, Range, Trials
from labrun.errors import nearest


def problems(config: Config) -> Iterator[Problem]:
    """Of the general search, and of those of protocols."""
    for users in _all(config):
        for name, span in users.search.ranges.items():
            yield from ranges.problems(config, users, name, span)
        yield from _first(users)
    for name, protocol in config.protocols.items():
        yield from _values(config, protocol, ("protocols", name))
    for name, budget in config.budgets.items():
        path, known = ("budgets", name), _searched_in(config, budget.experiments)
        yield from _taken(budget.tuning, known, path)
        for experiment, own in budget.sizes.items():
            known = _searched_in(config, [experiment])
            yield from _taken(own.tuning, known, (*path, "sizes", experiment))


def _searched_in(config: Config, experiments: list[str]) -> set[str]:
    """The ranges of the searches of experiments."""
    entries = [
        config.experiments[each] for each in experiments if each in config.experiments
    ]
    names = {each.protocol for each in entries} & config.protocols.keys()
    searches = [config.protocols[name].tuning or config.tuning for name in names]
    return {name for search in searches for name in search.ranges}


def _taken(given: Trials | None, known: set[str], path: tuple) -> Iterator[Problem]:
    """The ranges that a budget takes must be there, and trials for each width."""
    if given is None:
        return
    if given.ranges is not None:
        yield from each_known(given.ranges, known, (*path, "tuning", "ranges"), "range")
    least = len({1.0, *given.widths})
    if given.trials < least:
        widths = f"{least} widths, 1 (the model's own) among them"
        message = f"{given.trials} are fewer than the {widths}"
        yield Problem((*path, "tuning", "trials"), message)


def _all(config: Config) -> Iterator[Users]:
    """Every search; one that no experiment has is for all models."""
    own = {name for name, each in config.protocols.items() if each.tuning}
    everywhere = [("", model) for model in config.models]
    general = _learners(config, config.protocols.keys() - own)
    yield Users(config.tuning, ("tuning",), general or everywhere)
    for name in sorted(own):
        search, path = config.protocols[name].tuning, ("protocols", name, "tuning")
        assert search is not None
        yield Users(search, path, _learners(config, {name}) or everywhere)


def _learners(config: Config, protocols: set[str]) -> list[tuple[str, str]]:
    return [
        (name, model)
        for name, experiment in config.experiments.items()
        for model in experiment.models
        if experiment.protocol in protocols and model in config.models
    ]


def _first(users: Users) -> Iterator[Problem]:
    """The points of the next trials; what one leaves out is as in trial 0."""
    known = users.search.ranges
    for index, point in enumerate(users.search.first):
        where = (*users.path, "first", index)
        if not point:
            yield Problem(where, "is trial 0 once more; give a value")
        for name, value in point.items():
            if name in known:
                yield from _inside(value, known[name], (*where, name))
            else:
                hint = nearest(name, known)
                yield Problem((*where, name), f"has no range; {hint}")


def _values(config: Config, protocol: Protocol, path: tuple) -> Iterator[Problem]:
    """A protocol's values must be where tuning may find them."""
    for key, span in (protocol.tuning or config.tuning).ranges.items():
        if key in TRAINING:
            yield from _inside(getattr(protocol, key), span, (*path, key))
        if key == "learning_rate":
            for model, rate in protocol.learning_rates.items():
                yield from _inside(rate, span, (*path, "learning_rates", model))


def _inside(value: Any, span: Range, path: tuple) -> Iterator[Problem]:
    if [*ranges.shape(span, path)] or span.holds(value):
        return
    if span.choices is not None:
        message = f"{value!r} is none of the choices in tuning, {span.choices}"
    else:
        shown = float(value) if _is_number(value) and not span.integer else value
        ends = f"{span.typed(span.low)} … {span.typed(span.high)}"
        message = f"{shown!r} is outside its range {ends} in tuning"
        if span.within(value):
            message = f"must be a whole number in tuning, got {value!r}"
    yield Problem(path, message)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
