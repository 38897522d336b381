"""What an experiment's models are: their options, and how they are trained."""

from __future__ import annotations

from typing import Any

from fernn.config import options
from fernn.config.schema import Budget, Config, Experiment


def options_of(
    config: Config, budget: Budget, experiment: Experiment, name: str
) -> dict[str, Any]:
    """A model's options: the budget's sizes, the protocol, then its own entry."""
    model = config.models[name]
    protocol = config.protocols[experiment.protocol]
    decided = {"rollout": protocol.rollout, "initial": protocol.initial}
    general = {**budget.model_dump(), **budget.options, **decided}
    wanted = options.names("models", model.kind)
    given = {key: value for key, value in general.items() if key in wanted}
    spec = {"kind": model.kind, **given, **(model.model_extra or {})}
    if isinstance(spec.get("flow"), dict):
        wanted = options.names("flows", spec["flow"]["kind"])
        sizes = {key: v for key, v in budget.options.items() if key in wanted}
        spec["flow"] = {**sizes, **spec["flow"]}
    return spec


def trained(
    config: Config, budget: Budget, experiment: Experiment, name: str, cost: float
) -> dict[str, Any]:
    """A model with its training settings and what is tuned; a step has that `cost`."""
    protocol = config.protocols[experiment.protocol]
    sizes = ("batch", "sequences", "context", "horizon", "long_horizon", "precision")
    training = {key: getattr(budget, key) for key in sizes}
    training |= {
        "learning_rate": protocol.learning_rates.get(name, protocol.learning_rate),
        "schedule": protocol.schedule,
        "clip": protocol.clip,
        "extend_horizon": protocol.extend_horizon,
    }
    epochs = epochs_of(budget, cost, budget.epochs)
    trial_epochs = epochs_of(budget, cost, budget.tuning.epochs)
    return {
        "model": options_of(config, budget, experiment, name),
        "frame_size": budget.frame_size,
        "training": {**training, "epochs": epochs},
        "trial": {**training, "epochs": trial_epochs},
        "tuning": {
            **(protocol.tuning or config.tuning).model_dump(),
            "trials": budget.tuning.trials,
        },
    }


def epochs_of(budget: Budget, cost: float, epochs: int) -> int:
    """Epochs of a model, as many as the budget says or as cost the same."""
    share = cost if budget.match == "compute" else 1.0
    return max(1, round(epochs / share))
