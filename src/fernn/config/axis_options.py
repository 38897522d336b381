"""What can be wrong with the own options of an axis's statistic."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fernn.config import options
from fernn.config.problems import Problem
from fernn.config.schema import Config

PACKAGE = "evaluation"


def problems(config: Config, name: str) -> Iterator[Problem]:
    """Of one axis, whose statistic exists, and of the budgets that override it.

    Options are the arguments that the statistic takes by name alone; what they say
    together is judged by its `objection`, if it has one.
    """
    axis = config.axes[name]
    kind, given = axis.statistic, axis.options
    keywords = options.keywords(PACKAGE, kind)
    supplied = {*options.names(PACKAGE, kind)} - keywords
    objection = options.constant(PACKAGE, kind, "objection")
    places = [(("axes", name, "options"), given, set()), *_overrides(config, name)]
    for path, own, optional in places:
        found = [
            *options.check(
                PACKAGE, {**own, "kind": kind}, path, supplied, optional=optional
            )
        ]
        yield from found
        whole = {**given, **own}
        if objection and not found and keywords & whole.keys():
            message = objection(**whole)
            if message:
                yield Problem(path, message)


def _overrides(
    config: Config, name: str
) -> Iterator[tuple[tuple, dict[str, Any], set[str]]]:
    """Those of budgets and of their `sizes`, which may leave out any option."""
    known = {*options.names(PACKAGE, config.axes[name].statistic)}
    for budget, sizes in config.budgets.items():
        path = ("budgets", budget)
        own = sizes.sizes.items()
        groups = [(path, sizes.axes)]
        groups += [((*path, "sizes", e), each.axes or {}) for e, each in own]
        for where, axes in groups:
            if name in axes and axes[name].options:
                yield (*where, "axes", name, "options"), axes[name].options, known
