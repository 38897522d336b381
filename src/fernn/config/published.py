"""Published numbers: what they were made with, beside what an experiment resolves to.

The settings of an entry, and those of each of its values, are compared key by key with
what the plan says of a model, the options that are left to their defaults among it.
Only a number of which all keys are equal is compared with the published one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

from fernn import needs
from fernn.config import options
from fernn.config.budgets import sized, task
from fernn.config.costs import costs
from fernn.config.fields import same
from fernn.config.learners import trained
from fernn.config.options import unknown
from fernn.config.problems import Problem
from fernn.config.recipes import axis_of, recipes
from fernn.config.schema import Budget, Config, Published
from fernn.config.shown import GROUPS, properties
from labrun import modules

Path = tuple[str, ...]


def problems(config: Config) -> Iterator[Problem]:
    """Published numbers are of models, have a margin, and are shown by something."""
    shown = [*config.figures, *config.tables]
    for name, entry in config.published.items():
        path = ("published", name)
        yield from unknown("figure or table", entry.shown, shown, (*path, "shown"))
        for model in entry.values:
            yield from unknown("model", model, config.models, (*path, "values", model))
        if entry.against is not None:
            where = (*path, "against")
            yield from unknown("value", entry.against, entry.values, where)
        if entry.scale == "ratio" and entry.margin <= 1:
            message = f"must be above 1, a ratio, got {entry.margin:g}"
            yield Problem((*path, "margin"), message)
        if entry.scale == "difference" and "margin" not in entry.model_fields_set:
            message = "is missing: a difference is in units of its own"
            yield Problem((*path, "margin"), message)


def unknown_settings(config: Config) -> Iterator[Problem]:
    """Settings that no model of an experiment with these numbers has.

    The rest of the configuration must be right.
    """
    for name, entry in config.published.items():
        known = {path for facts in _facts_of(config, name) for path in _paths(facts)}
        if not known:
            continue
        given: list[tuple[Path, dict]] = [(("settings",), entry.settings)]
        for model, value in entry.values.items():
            given.append((("values", model, "settings"), value.settings))
        dotted = [".".join(path) for path in known]
        for where, settings in given:
            for path in _leaves(settings):
                place = ("published", name, *where, *path)
                yield from unknown("setting", ".".join(path), dotted, place)


def _facts_of(config: Config, entry: str) -> Iterator[dict[str, Any]]:
    """The facts of all models that are compared with an entry, in all budgets."""
    for budget in config.budgets.values():
        for name in budget.experiments:
            if config.experiments[name].published == entry:
                sizes = sized(config, budget, name)
                for each in facts(config, sizes, name).values():
                    yield from each


def facts(config: Config, sizes: Budget, name: str) -> dict[str, list[dict[str, Any]]]:
    """What each model of an experiment is, and what it is trained and tested with.

    Args:
        config: the configuration.
        sizes: of the experiment.
        name: of the experiment, which has published numbers.

    Returns:
        Of each model a mapping for each test set that the published numbers are of:
        ``model``, ``training``, ``tuning``, ``source``, and the recipes ``train``,
        ``validation`` and ``test``; in all of them defaults are filled in.
    """
    experiment = config.experiments[name]
    cost = costs(config, sizes, experiment)
    axes = {a: axis_of(config, sizes, a, sizes.long_horizon) for a in experiment.axes}
    made = recipes(config, sizes, experiment, axes)
    drawn = {split: options.complete("data", spec) for split, spec in made.items()}
    tests = [drawn.get(axis, {}) for axis in _tests(config, sizes, name)] or [{}]
    source = options.complete("data/sources", config.sources[sizes.source])
    loss = modules.load("fernn.training.tasks", task(config, name)).LOSS
    found = {}
    for model in experiment.models:
        learner = trained(config, sizes, experiment, model, cost[model])
        own = {
            "model": _model(learner["model"]),
            "training": _training(learner["training"], loss),
            "tuning": learner["tuning"],
            "source": source,
            "train": drawn["train"],
            "validation": drawn["val"],
        }
        found[model] = [{**own, "test": test} for test in tests]
    return found


def _tests(config: Config, sizes: Budget, name: str) -> list[str]:
    """The axes of an experiment whose numbers the published ones are."""
    experiment = config.experiments[name]
    shown = config.published[str(experiment.published)].shown
    shows = [options.constant(group, shown, "SHOWS") or {} for group in GROUPS]
    return [
        axis
        for axis in experiment.axes
        if any(
            needs.wanted(each, properties(config, name, axis, sizes)) for each in shows
        )
    ]


def _model(given: dict[str, Any]) -> dict[str, Any]:
    """A model's options with the defaults, and those of its flow and its cell."""
    found = options.complete("models", given)
    for package, option in (("flows", "flow"), ("cells", "cell")):
        if isinstance(found.get(option), dict):
            found[option] = options.complete(package, found[option])
    return found


def _training(given: dict[str, Any], loss: str) -> dict[str, Any]:
    """Settings with the defaults, and kinds without options by their names."""
    from fernn.training import optimisers
    from fernn.training.settings import KINDS, Settings

    found = {each.name: each.default for each in fields(Settings)} | given
    found["loss"] = found["loss"] or loss
    found["optimiser"] = found["optimiser"] or optimisers.DEFAULT
    for key in KINDS:
        spec = found[key]
        if isinstance(spec, dict) and [*spec] == ["kind"]:
            found[key] = spec["kind"]
    del found["seed"]  # which is what results are averaged over
    return found


def differing(
    entry: Published, model: str, found: Sequence[Mapping[str, Any]]
) -> list[list[Any]]:
    """The settings in which a model differs from the published one.

    Args:
        entry: the published numbers.
        model: its name; its value may have settings of its own.
        found: its `facts`.

    Returns:
        Of each, once: its key, with dots, our value and the published one.
    """
    settings = _leaves(entry.settings)
    if model in entry.values:
        settings |= _leaves(entry.values[model].settings)
    apart = {
        (path, str(ours)): [".".join(path), ours, theirs]
        for facts in found
        for path, theirs in settings.items()
        if not same(ours := _at(facts, path), theirs)
    }
    return [*apart.values()]


def comparable(config: Config, budget: str) -> bool:
    """Whether a budget has a model with the settings of a published number."""
    own = config.budgets[budget]
    return any(_compared(config, own, name) for name in own.experiments)


def _compared(config: Config, budget: Budget, name: str) -> bool:
    experiment = config.experiments[name]
    entry = config.published.get(experiment.published or "")
    if entry is None:
        return False
    measured = {*experiment.models, *experiment.baselines, *experiment.treated}
    wanted = [
        model for model in measured & entry.values.keys() if entry.values[model].mean
    ]
    found = facts(config, sized(config, budget, name), name) if wanted else {}
    return any(not differing(entry, model, found.get(model, ())) for model in wanted)


def _leaves(node: Mapping[str, Any], path: Path = ()) -> dict[Path, Any]:
    """The values of nested mappings; an empty mapping is one."""
    found = {}
    for key, value in node.items():
        inner = isinstance(value, Mapping) and len(value) > 0
        own = (*path, str(key))
        found |= _leaves(value, own) if inner else {own: value}
    return found


def _paths(node: Any, path: Path = ()) -> Iterator[Path]:
    """The paths to all that nested mappings hold, mappings among it."""
    if path:
        yield path
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from _paths(value, (*path, str(key)))


def _at(facts: Any, path: Path) -> Any:
    """The value at a path; None if there is none."""
    for key in path:
        facts = facts.get(key) if isinstance(facts, Mapping) else None
    return facts
