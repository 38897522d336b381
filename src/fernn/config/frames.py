"""What cannot run in the lab frame, where each step moves orientations to others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fernn import flows
from fernn.config import options
from fernn.config.budgets import sized
from fernn.config.problems import Problem
from fernn.config.schema import Budget, Config
from labrun.errors import UserError


def problems(config: Config) -> Iterator[Problem]:
    """Models of every budget that execute plainly what only co-moving frames can."""
    for budget_name, budget in config.budgets.items():
        for name in budget.experiments:
            if name not in config.experiments:
                continue
            sizes = sized(config, budget, name)
            for model in config.experiments[name].models:
                spec = config.models.get(model)
                own = (spec.model_extra or {}) if spec else {}
                key = _plain_by(own)
                if key and isinstance(own.get("flow"), dict):
                    where = f"at the sizes of budget {budget_name!r}"
                    message = _objection(own["flow"], sizes)
                    if message:
                        words, _, hint = message.partition("; ")
                        hint = "" if key == "order" else f"; {hint}"
                        place = ("models", model, key)
                        yield Problem(place, f"{words} {where}{hint}")


def _plain_by(own: dict[str, Any]) -> str | None:
    """The option by which a model executes plainly; None if it has none."""
    if own.get("order") == "move_first":
        return "order"
    return "execution" if own.get("execution") == "plain" else None


def _objection(flow: dict[str, Any], sizes: Budget) -> str | None:
    """What the flow itself says of the lab frame; None of one that cannot be built."""
    known = options.names("flows", str(flow.get("kind")))
    everything = {**sizes.options, **flow}
    given = {key: everything[key] for key in ("kind", *known) if key in everything}
    if [*options.check("flows", given, (), ["size"])]:
        return None
    try:
        return flows.build(given, sizes.frame_size).lab_objection()
    except UserError:
        return None
