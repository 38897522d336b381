"""The configuration resolved for its budget: all that the workflow needs to know.

The workflow is computed from this plan, before any job, so a dry run tells the truth.
"""

from __future__ import annotations

from typing import Any

from fernn.config import options
from fernn.config.schema import Budget, Config, Experiment
from fernn.config.sizes import BENCH, sized

SPLITS = ("train", "val")


def plan(config: Config) -> dict[str, Any]:
    """Sources, recipes, models, axes, figures and tables of the chosen budget."""
    budget = config.budgets[config.budget]
    sizes = {name: sized(config, budget, name) for name in budget.experiments}
    experiments = {
        name: _experiment(config, own, name, config.experiments[name])
        for name, own in sizes.items()
    }
    figures = _items(config.figures, experiments)
    tables = _items(config.tables, experiments)
    return {
        "budget": config.budget,
        "sources": {own.source: config.sources[own.source] for own in sizes.values()},
        "atlases": {name: own.source for name, own in sizes.items()},
        "workers": budget.tuning.workers,
        "tuning_mode": budget.tuning.mode,
        "trials": max(own.tuning.trials for own in sizes.values()),
        "devices": budget.devices,
        "quick": budget.quick,
        "experiments": experiments,
        "figures": figures,
        "tables": tables,
        "paper": {
            item: {
                "figures": [name for name in shown if name in figures],
                "tables": [name for name in shown if name in tables],
            }
            for item, shown in config.paper.items()
        },
    }


def _items(
    items: dict[str, list[str]], experiments: dict[str, Any]
) -> dict[str, list[str]]:
    """Figures or tables with the cubes this budget has; none without any."""
    kept = {
        name: [cube for cube in cubes if cube.split("/")[0] in (*experiments, BENCH)]
        for name, cubes in items.items()
    }
    return {name: cubes for name, cubes in kept.items() if cubes}


def _experiment(
    config: Config, budget: Budget, name: str, experiment: Experiment
) -> dict[str, Any]:
    attrs = _attrs(config, budget, name, experiment)
    longest = attrs["long_horizon"]
    axes = {axis: _axis(config, budget, axis, longest) for axis in experiment.axes}
    return {
        "seeds": budget.seeds,
        "recipes": _recipes(config, budget, experiment, axes),
        "models": {
            model: _trained(config, budget, experiment, model)
            for model in experiment.models
        },
        "baselines": {
            model: _spec(config, budget, experiment, model)
            for model in experiment.baselines
        },
        "axes": {
            axis: {
                "statistic": spec["statistic"],
                "recipe": axis if spec["draw"] else "val",
                "baselines": _with_baselines(spec["statistic"]),
                "spec": {
                    "context": budget.context,
                    "horizon": spec["horizon"],
                    "batch": budget.batch,
                },
            }
            for axis, spec in axes.items()
        },
        "attrs": attrs,
    }


def _with_baselines(statistic: str) -> bool:
    return options.constant("evaluation", statistic, "BASELINES") is not False


def _axis(config: Config, budget: Budget, name: str, longest: int) -> dict[str, Any]:
    """The axis with the budget's sizes.

    Its horizon is by default the trained one, and without a test set of its own that
    of the validation.
    """
    sizes = budget.axes.get(name)
    own = sizes.model_dump(exclude_unset=True) if sizes else {}
    merged = {**config.axes[name].model_dump(), **own}
    default = budget.horizon if merged["draw"] else longest
    return {**merged, "horizon": merged["horizon"] or default}


def _recipes(
    config: Config, budget: Budget, experiment: Experiment, axes: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """The specification of every split's recipe."""
    general = {**budget.model_dump(), **budget.options, "seed": config.seed}
    wanted = options.names("data", experiment.dataset["kind"])
    given = {key: value for key, value in general.items() if key in wanted}
    base = {**experiment.dataset, **given}
    longest = budget.context + budget.long_horizon
    sizes = {"train": budget.sequences, "val": budget.validation}
    recipes = {
        split: {
            **base,
            "split": split,
            "pool": split,
            "draw": "sampled",
            "sequences": sizes[split],
            "frames": longest,
        }
        for split in SPLITS
    }
    for name, axis in axes.items():
        if axis["draw"] is None:
            continue
        rest = {k: v for k, v in axis.items() if k not in ("statistic", "horizon")}
        frames = budget.context + axis["horizon"]
        recipes[name] = {
            **base,
            **rest,
            "split": name,
            "pool": "test",
            "frames": frames,
        }
    return recipes


def _spec(
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


def _trained(
    config: Config, budget: Budget, experiment: Experiment, name: str
) -> dict[str, Any]:
    """A model with its training settings and what is tuned."""
    protocol = config.protocols[experiment.protocol]
    sizes = ("batch", "sequences", "context", "horizon", "long_horizon", "precision")
    training = {key: getattr(budget, key) for key in sizes}
    training |= {
        "learning_rate": protocol.learning_rates.get(name, protocol.learning_rate),
        "schedule": protocol.schedule,
        "clip": protocol.clip,
        "extend_horizon": protocol.extend_horizon,
    }
    epochs = _epochs(config, budget, name, budget.epochs)
    trial_epochs = _epochs(config, budget, name, budget.tuning.epochs)
    return {
        "model": _spec(config, budget, experiment, name),
        "frame_size": budget.frame_size,
        "training": {**training, "epochs": epochs},
        "trial": {**training, "epochs": trial_epochs},
        "tuning": {
            **(protocol.tuning or config.tuning).model_dump(),
            "trials": budget.tuning.trials,
        },
    }


def _epochs(config: Config, budget: Budget, model: str, epochs: int) -> int:
    """Epochs of a model, as many as the budget says or as cost the same."""
    share = config.models[model].cost if budget.match == "compute" else 1.0
    return max(1, round(epochs / share))


def _attrs(
    config: Config, budget: Budget, name: str, experiment: Experiment
) -> dict[str, Any]:
    """What every cube of the experiment tells about itself."""
    protocol = config.protocols[experiment.protocol]
    data = options.names("data", experiment.dataset["kind"])
    longest = budget.long_horizon if protocol.extend_horizon else budget.horizon
    return {
        "experiment": name,
        "title": experiment.title,
        "budget": config.budget,
        "context": budget.context,
        "horizon": budget.horizon,
        "long_horizon": longest,
        "digits": budget.digits if "digits" in data else None,
        "frame_size": budget.frame_size,
        "max_speed": experiment.dataset.get("max_speed"),
        "step": {**experiment.dataset, **budget.options}.get("step"),
        "published_size": int(budget.published_size),
        "protocol": experiment.protocol,
        "rollout": protocol.rollout,
        "models": {
            model: {
                "label": config.models[model].label,
                "kind": config.models[model].kind,
                "color": config.models[model].color,
                "baseline": model in experiment.baselines,
                "cost": config.models[model].cost,
                "epochs": _epochs(config, budget, model, budget.epochs)
                if model in experiment.models
                else 0,
            }
            for model in (*experiment.models, *experiment.baselines)
        },
    }
