"""The configuration resolved for its budget: all that the workflow needs to know.

The workflow is computed from this plan, before any job, so a dry run tells the truth.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from fernn.config import options, pairs
from fernn.config.budgets import sized
from fernn.config.costs import costs
from fernn.config.learners import epochs_of, longest, options_of, trained, validated
from fernn.config.published import differing, facts
from fernn.config.recipes import axis_of, recipes, redraw_of
from fernn.config.schema import Budget, Config, Experiment, Model, Published
from fernn.config.shown import GROUPS, items
from fernn.config.widths import of_spec
from fernn.training.settings import TUNING_SEED

# What a plan and its cubes tell of an entry of `published`.
OF_ENTRY = {"source", "deviations", "scale", "margin", "seeds", "against"}

# Times the batch of training; no gradient keeps the states of all frames, and larger
# batches spend less of their time between operations.
EVALUATED = 4


def plan(config: Config) -> dict[str, Any]:
    """Sources, recipes, models, axes, figures and tables of the chosen budget."""
    budget = config.budgets[config.budget]
    sizes = {name: sized(config, budget, name) for name in budget.experiments}
    experiments = {
        name: _experiment(config, own, name, config.experiments[name])
        for name, own in sizes.items()
    }
    figures, tables = (items(config, group, sizes, budget.bench) for group in GROUPS)
    return {
        "budget": config.budget,
        "sources": {own.source: config.sources[own.source] for own in sizes.values()},
        "atlases": {name: own.source for name, own in sizes.items()},
        "workers": budget.tuning.workers,
        "tuning_mode": budget.tuning.mode,
        "tuning_seed": TUNING_SEED,
        "trials": max(own.tuning.trials for own in sizes.values()),
        "devices": budget.devices,
        "jobs_per_gpu": budget.jobs_per_gpu,
        "together": _together(budget),
        "learned": _learned(budget, experiments),
        "quick": budget.quick,
        "experiments": experiments,
        "figures": figures,
        "tables": tables,
        "published": _published(config),
        "targets": _made(
            {
                name: shown
                for name, shown in config.targets.items()
                if shown[0] in {*figures, *tables}
            },
            figures,
            tables,
        ),
        "paper": _made(config.paper, figures, tables),
        "missing": config.missing,
    }


def _made(
    items: dict[str, list[str]], figures: Collection[str], tables: Collection[str]
) -> dict[str, dict[str, list[str]]]:
    """The figures and tables of each item, those that the budget has."""
    return {
        item: {
            "figures": [name for name in shown if name in figures],
            "tables": [name for name in shown if name in tables],
        }
        for item, shown in items.items()
    }


def _together(budget: Budget) -> list[int]:
    """The seeds that one job trains, if it trains more than one.

    Several devices share the batch of one seed.
    """
    several = len(budget.seeds) > 1 and budget.devices == 1
    return budget.seeds if several and budget.train != "seed" else []


def _learned(budget: Budget, experiments: dict[str, Any]) -> list[str]:
    """The experiments of which a job makes the trials of a model and trains its seeds.

    Each model of these has trials, and the seeds are those that train together.
    """
    together = _together(budget) if budget.train == "model" else []
    return [
        name
        for name, experiment in experiments.items()
        if experiment["seeds"] == together
        and all(each["tuning"]["trials"] for each in experiment["models"].values())
    ]


def _experiment(
    config: Config, budget: Budget, name: str, experiment: Experiment
) -> dict[str, Any]:
    cost = costs(config, budget, experiment)
    attrs = _attrs(config, budget, name, experiment, cost)
    frames = validated(config, budget, experiment)
    axes = {axis: axis_of(config, budget, axis, frames) for axis in experiment.axes}
    return {
        "seeds": budget.seeds,
        "recipes": recipes(config, budget, experiment, axes),
        "models": {
            model: trained(config, budget, experiment, model, cost[model])
            for model in experiment.models
        },
        "baselines": {
            model: options_of(config, budget, experiment, model)
            for model in experiment.baselines
        },
        **_treated(experiment),
        "axes": {
            axis: {
                "statistic": spec["statistic"],
                "recipe": axis if spec["draw"] else "val",
                "baselines": _with_baselines(spec["statistic"]),
                "spec": {
                    "context": budget.context,
                    "horizon": spec["horizon"],
                    "batch": EVALUATED * budget.batch,
                },
                **({"options": spec["options"]} if spec["options"] else {}),
            }
            for axis, spec in axes.items()
        },
        "parts": _parts(budget, experiment),
        "attrs": attrs,
    }


def _treated(experiment: Experiment) -> dict[str, dict[str, Any]]:
    """The treated models, of which each is made, and how; if there are any."""
    found = {
        name: {"of": each.of, "treatment": each.treatment}
        for name, each in experiment.treated.items()
    }
    return {"treated": found} if found else {}


def _parts(budget: Budget, experiment: Experiment) -> dict[str, list[str]]:
    """What each job of an evaluation measures: models and baselines, by its name."""
    models = _of_parts(experiment)
    if budget.evaluate == "experiment":
        return {"all": models}
    return {model: [model] for model in models}


def _of_parts(experiment: Experiment) -> list[str]:
    """All that is measured, in display order."""
    return [*experiment.models, *experiment.treated, *experiment.baselines]


def _with_baselines(statistic: str) -> bool:
    return options.constant("evaluation", statistic, "BASELINES") is not False


def _published(config: Config) -> dict[str, dict[str, Any]]:
    """The published numbers of models, with their labels, by what shows them."""
    return {
        name: {
            "shown": entry.shown,
            **entry.model_dump(include=OF_ENTRY),
            "values": {
                model: {
                    "label": config.models[model].label,
                    **value.model_dump(exclude={"settings"}),
                }
                for model, value in entry.values.items()
            },
        }
        for name, entry in config.published.items()
    }


def _attrs(
    config: Config,
    budget: Budget,
    name: str,
    experiment: Experiment,
    cost: dict[str, float],
) -> dict[str, Any]:
    """What every cube of the experiment tells about itself."""
    protocol = config.protocols[experiment.protocol]
    data = options.names("data", experiment.dataset["kind"])
    published = config.published.get(experiment.published or "")
    differs = _differs(config, budget, name, published)
    return {
        "experiment": name,
        "title": experiment.title,
        "budget": config.budget,
        "context": budget.context,
        "horizon": budget.horizon,
        "long_horizon": longest(config, budget, experiment),
        "digits": budget.digits if "digits" in data else None,
        "frame_size": budget.frame_size,
        "max_speed": experiment.dataset.get("max_speed"),
        "sequences": budget.sequences,
        "redraw": redraw_of(experiment),
        "step": {**experiment.dataset, **budget.options}.get("step"),
        "protocol": experiment.protocol,
        "published": published
        and {
            "name": experiment.published,
            **published.model_dump(include={*OF_ENTRY, "others"}),
        },
        "rollout": protocol.rollout,
        "initial": protocol.initial,
        "extended": int(protocol.extend_horizon),
        "match": budget.match,
        **({"widths": budget.tuning.widths} if budget.tuning.widths else {}),
        "trials": budget.tuning.trials,
        "validation_horizon": validated(config, budget, experiment),
        "models": {
            model: _about(config, experiment, model, published)
            | {"differs": differs.get(model, [])}
            | _learnt(config, budget, experiment, model, cost)
            | pairs.told(config, experiment, model)
            for model in _of_parts(experiment)
        },
    }


def _learnt(
    config: Config,
    budget: Budget,
    experiment: Experiment,
    name: str,
    cost: dict[str, float],
) -> dict[str, Any]:
    """What the training of a model cost; of a treated one, of what it is made of."""
    treated = experiment.treated.get(name)
    base = treated.of if treated else name
    epochs = epochs_of(budget, cost[base], budget.epochs) if base in cost else 0
    return {
        "cost": cost.get(base, 1.0),  # a baseline is not trained
        "epochs": epochs,
        **_parameters(config, budget, experiment, base),
        **({"of": base, "treatment": treated.treatment} if treated else {}),
    }


def _differs(
    config: Config, budget: Budget, name: str, published: Published | None
) -> dict[str, list[list[Any]]]:
    """Of each model, the settings that are not those of the published numbers."""
    if published is None:
        return {}
    return {
        model: differing(published, model, found)
        for model, found in facts(config, budget, name).items()
    }


def _parameters(
    config: Config, budget: Budget, experiment: Experiment, name: str
) -> dict[str, int]:
    """The number of weights, where it is what models share."""
    if budget.match != "parameters" or name in experiment.baselines:
        return {}
    spec = options_of(config, budget, experiment, name)
    return {"parameters": of_spec(spec, budget.frame_size)}


def _about(
    config: Config, experiment: Experiment, name: str, published: Published | None
) -> dict[str, Any]:
    """How figures and tables show a model: its words, and its part in comparisons."""
    treated = experiment.treated.get(name)
    model = treated.model if treated else config.models[name]
    value = published.values.get(name) if published else None
    return {
        "label": model.label,
        "kind": model.kind,
        "color": model.color,
        "role": "baseline" if name in experiment.baselines else "model",
        "reference": name == experiment.reference,
        "oracle": _oracle(model),
        "control": bool(options.constant("models", model.kind, "CONTROL")),
        "drawn": model.drawn,
        "published": value and value.model_dump(exclude={"settings"}),
    }


def _oracle(model: Model) -> bool:
    """Whether a model is told what it would have to find out."""
    told = options.constant("models", model.kind, "ORACLE")
    return told is not None and told.items() <= (model.model_extra or {}).items()
