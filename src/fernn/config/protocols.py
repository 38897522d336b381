"""What a protocol can have wrong."""

from __future__ import annotations

from collections.abc import Iterator

from fernn.config.choices import CHOICES
from fernn.config.options import unknown
from fernn.config.problems import Problem
from fernn.config.schema import Config


def problems(config: Config) -> Iterator[Problem]:
    """Of all protocols."""
    for name, protocol in config.protocols.items():
        path = ("protocols", name)
        for key in ("rollout", "initial", "schedule"):
            value = getattr(protocol, key)
            if value is not None:
                yield from unknown(key, value, CHOICES[key], (*path, key))
        for model in protocol.learning_rates:
            where = (*path, "learning_rates", model)
            yield from unknown("model", model, config.models, where)
