"""What cannot run in the lab frame, where each step moves orientations to others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fernn.config import options
from fernn.config.budgets import sized
from fernn.config.problems import Problem
from fernn.config.schema import Config


def problems(config: Config) -> Iterator[Problem]:
    """Models of every budget that execute plainly what only co-moving frames can."""
    for budget_name, budget in config.budgets.items():
        for name in budget.experiments:
            if name not in config.experiments:
                continue
            sizes = sized(config, budget, name).options
            for model in config.experiments[name].models:
                spec = config.models.get(model)
                own = (spec.model_extra or {}) if spec else {}
                key = _plain_by(own)
                if key and isinstance(own.get("flow"), dict):
                    message = _objection({**sizes, **own["flow"]})
                    if message:
                        message += f" at the sizes of budget {budget_name!r}"
                        message += "" if key == "order" else "; use 'comoving'"
                        yield Problem(("models", model, key), message)


def _plain_by(own: dict[str, Any]) -> str | None:
    """The option by which a model executes plainly; None if it has none."""
    if own.get("order") == "move_first":
        return "order"
    return "execution" if own.get("execution") == "plain" else None


def _objection(flow: dict[str, Any]) -> str | None:
    """Of a flow with orientations, which its module names as `ORIENTATIONS`."""
    count = flow.get(options.constant("flows", flow.get("kind"), "ORIENTATIONS"))
    if not isinstance(count, int) or count < 1:
        return None
    for degrees in _velocities(flow):
        if isinstance(degrees, int) and degrees * count % 360:
            multiple = f"a multiple of 360/{count} degrees"
            return f"in the lab frame {degrees} degrees/frame must be {multiple}"
    return None


def _velocities(flow: dict[str, Any]) -> list[Any]:
    """The listed ones, or the step that all others are multiples of."""
    listed = flow.get("velocities")
    if isinstance(listed, list):
        return listed
    return [] if flow.get("max_speed") == 0 else [flow.get("step")]
