"""What an experiment's models are: their options, and how they are trained."""

from __future__ import annotations

from typing import Any

from fernn.config import options, protocols
from fernn.config.schema import Budget, Config, Experiment, Model, Range, Search
from fernn.config.widths import (
    matched,
    multiples,
    of_spec,
    reference,
)
from fernn.training.settings import dotted, specs_of, with_options

OF_DEFAULT_CELL = (  # options of a model, if it has no `cell`
    "kernel",
    "activation",
    "initial",
    "order",
    "execution",
    "mixing",
    "mixing_radius",
    "relaxations",
    "shifts",
)
TRAINING = (  # of a protocol, that can be tuned
    "clip",
    "extend_horizon",
    "learning_rate",
    "schedule",
)


def options_of(
    config: Config, budget: Budget, experiment: Experiment, name: str
) -> dict[str, Any]:
    """A model's options: the budget's sizes, the protocol, then its own entry.

    Where models are equally large, all but the reference have widths that bring them to
    its parameters, in place of their own.
    """
    spec = _with_flow(config, budget, experiment, name)
    first, is_trained = reference(experiment), name in experiment.models
    if budget.match == "parameters" and is_trained and name != first:
        size, whole = budget.frame_size, _with_flow(config, budget, experiment, first)
        spec |= matched(spec, of_spec(whole, size), size)
    return spec


def _with_flow(
    config: Config, budget: Budget, experiment: Experiment, name: str
) -> dict[str, Any]:
    spec = _given(config, budget, experiment, name)
    if isinstance(spec.get("flow"), dict):
        wanted = options.names("flows", spec["flow"]["kind"])
        sizes = {key: v for key, v in budget.options.items() if key in wanted}
        spec["flow"] = {**sizes, **spec["flow"]}
    return spec


def _given(
    config: Config, budget: Budget, experiment: Experiment, name: str
) -> dict[str, Any]:
    model = config.models[name]
    protocol = config.protocols[experiment.protocol]
    rollout = protocol.rollouts.get(name, protocol.rollout)
    decided = {"rollout": rollout, "initial": protocol.initial}
    general = {**budget.model_dump(), **budget.options, **decided}
    wanted = options.names("models", model.kind)
    given = {key: value for key, value in general.items() if key in wanted}
    return {"kind": model.kind, **given, **(model.model_extra or {})}


def trained(
    config: Config, budget: Budget, experiment: Experiment, name: str, cost: float
) -> dict[str, Any]:
    """A model with its training settings and what is tuned; a step has that `cost`."""
    protocol = config.protocols[experiment.protocol]
    sizes = ("batch", "sequences", "context", "horizon", "long_horizon", "precision")
    training = {key: getattr(budget, key) for key in sizes}
    training |= {
        "learning_rate": protocol.learning_rates.get(name, protocol.learning_rate),
        "clip": protocol.clip,
        "extend_horizon": protocol.extend_horizon,
        "validation_horizon": validated(config, budget, experiment),
        "select_by": protocol.select_by,
        "seed_draws": protocol.seed_draws,
    }
    search = search_of(config, budget, experiment)
    decided = _decided(config, budget, experiment, name)
    training |= with_defaults(decided, search)
    needs = protocols.needs(decided.get("strategy"))
    model = options_of(config, budget, experiment, name)
    tunable = tunable_options(config.models[name])
    for option in search.ranges.keys() & tunable:
        model.setdefault(option, options.default("models", model["kind"], option))
    start = {option: model[option] for option in tunable & model.keys()}
    search, width = _with_width(search, budget, model)
    model |= width
    searched = _searched(search, {**start, **width, **training, **dotted(training)})
    epochs = epochs_of(budget, cost, budget.epochs)
    trial_epochs = epochs_of(budget, cost, budget.tuning.epochs)
    return {
        "model": model,
        "frame_size": budget.frame_size,
        "training": {**training, "epochs": epochs},
        # Whatever final seeds draw: trials have data and weights that none of them has.
        "trial": {**training, "epochs": trial_epochs, "seed_draws": "all"},
        **({"needs": needs} if needs else {}),
        "tuning": {
            **searched,
            "trials": budget.tuning.trials if searched["ranges"] else 0,
        },
    }


def _decided(
    config: Config, budget: Budget, experiment: Experiment, name: str
) -> dict[str, Any]:
    """See `protocols.decided`; untrained models that a strategy names are described."""

    def described(other: str) -> dict[str, Any]:
        spec = options_of(config, budget, experiment, other)
        return {"random": spec, "size": budget.frame_size}

    protocol = config.protocols[experiment.protocol]
    decided = protocols.decided(protocol, config.models[name])
    if "strategy" in decided:
        strategy = protocols.with_untrained(decided["strategy"], described)
        decided["strategy"] = strategy
    return decided


def tunable_options(model: Model) -> set[str]:
    """The options that a model has and leaves open: what its own entry gives stays."""
    own = model.model_extra or {}
    known = {*options.names("models", model.kind)} - own.keys()
    return known - {*OF_DEFAULT_CELL} if "cell" in own else known


def search_of(config: Config, budget: Budget, experiment: Experiment) -> Search:
    """What the models of an experiment are searched for: the ranges of its budget.

    A horizon that has no longer one beside it cannot be extended.
    """
    whole = config.protocols[experiment.protocol].tuning or config.tuning
    taken = {*whole.ranges} if budget.tuning.ranges is None else {*budget.tuning.ranges}
    if budget.long_horizon == budget.horizon:
        taken -= {"extend_horizon"}
    ranges = {name: span for name, span in whole.ranges.items() if name in taken}
    first = [{k: v for k, v in each.items() if k in ranges} for each in whole.first]
    return Search(ranges=ranges, first=[each for each in first if each])


def _with_width(
    search: Search, budget: Budget, model: dict[str, Any]
) -> tuple[Search, dict[str, int]]:
    """A search that takes the width too, and the width of its trial 0.

    The next trials have the other widths, each once.
    """
    given = multiples(model, budget.tuning.widths, budget.frame_size)
    spans = {
        option: Range(integer=False, choices=[*values])
        for option, (_, values) in given.items()
    }
    others = [
        {option: width}
        for option, (own, widths) in given.items()
        for width in widths
        if width != own
    ]
    ranges = {**search.ranges, **spans}
    widened = Search(ranges=ranges, first=[*others, *search.first])
    return widened, {option: own for option, (own, _) in given.items()}


def longest(config: Config, budget: Budget, experiment: Experiment) -> int:
    """Predicted frames of the longest training of any model and trial."""
    extended = search_of(config, budget, experiment).ranges.get("extend_horizon")
    protocol = config.protocols[experiment.protocol]
    if protocol.extend_horizon or (extended and extended.holds(True)):
        return budget.long_horizon
    return budget.horizon


def validated(config: Config, budget: Budget, experiment: Experiment) -> int:
    """Predicted frames whose error selects: one number for all models and trials."""
    given = config.protocols[experiment.protocol].validation_horizon
    return getattr(budget, given) if given else longest(config, budget, experiment)


def with_defaults(decided: dict[str, Any], search: Search) -> dict[str, Any]:
    """What decides training, with the defaults of options that are tuned."""
    given = dotted(decided)
    for name in search.ranges.keys() - given.keys():
        key, _, option = name.partition(".")
        if option and key in decided:
            for each in specs_of(decided[key]):
                known = protocols.declared(key, each["kind"])
                own = f"{each['kind']}." if isinstance(decided[key], list) else ""
                plain = option.removeprefix(own)
                if option.startswith(own) and plain in known:
                    decided = with_options(decided, {name: known[plain]})
    return decided


def value_of(
    config: Config, budget: Budget, experiment: Experiment, name: str, option: str
) -> Any:
    """An option of a model as trial 0 has it: as it is given, else by default."""
    kind = config.models[name].kind
    given = _given(config, budget, experiment, name)
    return given.get(option, options.default("models", kind, option))


def _searched(search: Search, start: dict[str, Any]) -> dict[str, Any]:
    """The part of a search that a model takes: ranges, and points of the first trials.

    Args:
        search: of several models.
        start: options and settings of the model; trial 0.
    """
    ranges = {name: span for name, span in search.ranges.items() if name in start}
    points = [{name: start[name] for name in ranges}]
    for point in search.first:
        made = {name: point.get(name, start[name]) for name in ranges}
        if made not in points:
            points.append(made)
    return {
        "ranges": {name: span.plain() for name, span in ranges.items()},
        "first": [{n: ranges[n].typed(v) for n, v in p.items()} for p in points[1:]],
    }


def epochs_of(budget: Budget, cost: float, epochs: int) -> int:
    """Epochs of a model, as many as the budget says or as cost the same."""
    share = cost if budget.match == "compute" else 1.0
    return max(1, round(epochs / share))
