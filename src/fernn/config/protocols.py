"""What a protocol can have wrong."""

from __future__ import annotations

from collections.abc import Iterator

from fernn.config import options
from fernn.config.options import unknown
from fernn.config.problems import Problem
from fernn.config.schema import Config


def problems(config: Config) -> Iterator[Problem]:
    """Of all protocols."""
    for name, protocol in config.protocols.items():
        where = ("protocols", name, "schedule")
        package = "training/schedules"
        yield from options.unknown_kind("schedule", package, protocol.schedule, where)
        for model in protocol.learning_rates:
            path = ("protocols", name, "learning_rates", model)
            yield from unknown("model", model, config.models, path)
