"""What a configuration of the right shape can still have wrong."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fernn import flows, needs
from fernn.config import (
    axes,
    budgets,
    costs,
    experiments,
    models,
    options,
    pairs,
    protocols,
    published,
    tuning,
)
from fernn.config.budgets import options_of_sizes, sized
from fernn.config.options import each_known, unknown, unknown_kind
from fernn.config.problems import Problem
from fernn.config.schema import Budget, Config
from fernn.config.shown import ALL, properties
from labrun.errors import UserError


def problems(config: Config) -> Iterator[Problem]:
    """Every problem, section by section."""
    yield from unknown("budget", config.budget, config.budgets, ("budget",))
    for name, spec in config.sources.items():
        yield from options.check("data/sources", spec, ("sources", name))
    sizes = options_of_sizes(config)
    for name, model in config.models.items():
        yield from models.problems(model, ("models", name), sizes)
    yield from pairs.problems(config)
    yield from costs.problems(config)
    yield from protocols.problems(config)
    yield from axes.problems(config)
    yield from _lab_frames(config)
    for name in config.experiments:
        yield from experiments.problems(config, name)
    yield from tuning.problems(config)
    yield from _items(config, "figures")
    yield from _items(config, "tables")
    yield from published.problems(config)
    for section in ("targets", "paper"):
        known = [*config.figures, *config.tables]
        for item, shown in getattr(config, section).items():
            yield from each_known(shown, known, (section, item), "figure or table")
    for item in config.targets.keys() & config.paper.keys():
        yield Problem(("targets", item), "is an item of `paper`; choose another")
    for item in config.missing.keys() & config.paper.keys():
        yield Problem(("missing", item), "is shown: `paper` names it")
    for name, budget in config.budgets.items():
        yield from budgets.problems(config, budget, ("budgets", name))


def _lab_frames(config: Config) -> Iterator[Problem]:
    """Models of every budget that execute plainly what only co-moving frames can.

    In the lab frame each step moves orientations to others.
    """
    for budget_name, budget in config.budgets.items():
        for name in filter(config.experiments.__contains__, budget.experiments):
            sizes = sized(config, budget, name)
            for model in config.experiments[name].models:
                if model in config.models:
                    yield from _lab_frame(config, model, sizes, budget_name)


def _lab_frame(
    config: Config, model: str, sizes: Budget, budget: str
) -> Iterator[Problem]:
    own = config.models[model].model_extra or {}
    key = _plain_by(own)
    if not key or not isinstance(own.get("flow"), dict):
        return
    message = _lab_objection(own["flow"], sizes)
    if message:
        words, _, hint = message.partition("; ")
        hint = "" if key == "order" else f"; {hint}"
        where = f"at the sizes of budget {budget!r}"
        yield Problem(("models", model, key), f"{words} {where}{hint}")


def _plain_by(own: dict[str, Any]) -> str | None:
    """The option by which a model executes plainly; None if it has none."""
    if own.get("order") == "move_first":
        return "order"
    return "execution" if own.get("execution") == "plain" else None


def _lab_objection(flow: dict[str, Any], sizes: Budget) -> str | None:
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


def _items(config: Config, group: str) -> Iterator[Problem]:
    available = [
        f"{experiment}/{axis}"
        for experiment, spec in config.experiments.items()
        for axis in spec.axes
    ]
    for name, cubes in getattr(config, group).items():
        yield from unknown_kind(group[:-1], group, name, (group, name))
        shows = options.constant(group, name, "SHOWS")
        for index, cube in enumerate(cubes):
            if cube == ALL:
                continue
            if cube not in available and not cube.startswith(f"{needs.BENCH}/"):
                yield from unknown(
                    "cube", cube, [*available, ALL], (group, name, index)
                )
            elif shows is not None:
                about = _about(config, *cube.split("/"))
                if needs.role(shows, about) is None:
                    message = (
                        f"shows {needs.all_words(shows)}, not {needs.words(about)}"
                    )
                    yield Problem((group, name, index), message)


def _about(config: Config, experiment: str, axis: str) -> dict[str, Any]:
    if experiment == needs.BENCH:
        return {"measurement": axis}
    return properties(config, experiment, axis)
