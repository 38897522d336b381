"""What a protocol, and what is tuned, can have wrong."""

from __future__ import annotations

from collections.abc import Iterator

from fernn.config.choices import CHOICES
from fernn.config.options import unknown
from fernn.config.problems import Problem
from fernn.config.schema import Config, Protocol, Range, Search
from fernn.errors import nearest

TUNABLE = {"learning_rate", "clip"}


def problems(config: Config) -> Iterator[Problem]:
    """Of all protocols."""
    for name, protocol in config.protocols.items():
        path = ("protocols", name)
        for key in ("rollout", "initial", "schedule"):
            value = getattr(protocol, key)
            if value is not None:
                yield from unknown(key, value, CHOICES[key], (*path, key))
        if protocol.tuning:
            yield from tuning(protocol.tuning, (*path, "tuning"))
        yield from _rates(config, protocol, path)


def _rates(config: Config, protocol: Protocol, path: tuple) -> Iterator[Problem]:
    """Hyperparameters must be where tuning may find them."""
    for key, span in (protocol.tuning or config.tuning).ranges.items():
        if key in TUNABLE:
            yield from _inside(getattr(protocol, key), span, (*path, key))
        if key == "learning_rate":
            for model, rate in protocol.learning_rates.items():
                yield from _inside(rate, span, (*path, "learning_rates", model))
    for model in protocol.learning_rates:
        where = (*path, "learning_rates", model)
        yield from unknown("model", model, config.models, where)


def tuning(search: Search, path: tuple) -> Iterator[Problem]:
    """Of ranges, and of the first points in them."""
    ranges = search.ranges
    for name, span in ranges.items():
        where = (*path, "ranges", name)
        if name not in TUNABLE:
            yield Problem(where, f"cannot be tuned; {nearest(name, TUNABLE)}")
        if not span.low < span.high or (span.log and span.low <= 0):
            yield Problem(where, f"is no interval, got {span.low} … {span.high}")
    for index, point in enumerate(search.first):
        where = (*path, "first", index)
        for name, value in point.items():
            if name in ranges:
                yield from _inside(value, ranges[name], (*where, name))
            else:
                hint = nearest(name, ranges)
                yield Problem((*where, name), f"has no range; {hint}")
        for name in (ranges.keys() & TUNABLE) - point.keys():
            yield Problem((*where, name), "is missing; it has a range")


def _inside(value: float, span: Range, path: tuple) -> Iterator[Problem]:
    if span.low < span.high and not span.low <= value <= span.high:
        message = f"{value} is outside its range {span.low} … {span.high} in tuning"
        yield Problem(path, message)
