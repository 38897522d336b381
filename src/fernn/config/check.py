"""All mistakes of a configuration at once, before any job."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from pydantic import ValidationError

from fernn.config import options
from fernn.config.positions import Source
from fernn.config.problems import Problem, from_pydantic
from fernn.config.schema import Budget, Config
from fernn.errors import UserError, nearest

TUNABLE = ("learning_rate", "clip")
GIVEN = ("atlas", "split", "pool", "draw", "seed", "sequences", "frames", "frame_size")
SIZES = (*GIVEN, "digits")  # of the data, given by the budget


def checked(raw: dict[str, Any], sources: Iterable[Source]) -> Config:
    """The configuration, if it is right.

    Args:
        raw: the merged content.
        sources: the files it came from, for positions.

    Raises:
        UserError: one line for every mistake.
    """
    sources = list(sources)
    try:
        config = Config.model_validate(raw)
        problems = list(_problems(config))
    except ValidationError as error:
        problems = [_with_hint(problem, raw) for problem in from_pydantic(error)]
    else:
        if not problems:
            return config
    raise UserError("\n".join(problem.line(sources) for problem in problems))


def _with_hint(problem: Problem, raw: dict[str, Any]) -> Problem:
    """Tell the nearest valid name beside an unknown key."""
    if problem.message != "unknown key":
        return problem
    model: Any = Config
    for key in problem.path[:-1]:
        fields = getattr(model, "model_fields", {})
        model = fields[key].annotation if key in fields else model
        arguments = getattr(model, "__args__", ())
        model = arguments[-1] if arguments and key not in fields else model
        if arguments and key in fields and model.__origin__ is not dict:
            model = arguments[0]
    known = getattr(model, "model_fields", {})
    if not known:
        return problem
    return Problem(
        problem.path, f"unknown key; {nearest(str(problem.path[-1]), known)}"
    )


def _problems(config: Config) -> Iterator[Problem]:
    if config.budget not in config.budgets:
        hint = nearest(config.budget, config.budgets)
        yield Problem(("budget",), f"no budget {config.budget!r}; {hint}")
    yield from _sources(config)
    yield from _models(config)
    yield from _protocols(config)
    yield from _axes(config)
    yield from _experiments(config)
    yield from _tuning(config)
    yield from _items(config, "figures")
    yield from _items(config, "tables")
    for name, budget in config.budgets.items():
        yield from _budget(config, name, budget)


def _named(
    names: Iterable[str], known: Collection[str], path: tuple, what: str
) -> Iterator[Problem]:
    for index, name in enumerate(names):
        if name not in known:
            hint = nearest(name, known)
            yield Problem((*path, index), f"no {what} {name!r}; {hint}")


def _sources(config: Config) -> Iterator[Problem]:
    for name, spec in config.sources.items():
        yield from options.check("data/sources", spec, ("sources", name))


def _models(config: Config) -> Iterator[Problem]:
    for name, model in config.models.items():
        path = ("models", name)
        spec = {"kind": model.kind, **(model.model_extra or {})}
        yield from options.check("models", spec, path, supplied=["size"], partial=True)
        flow = spec.get("flow")
        if isinstance(flow, dict):
            yield from _flow(flow, (*path, "flow"))


def _flow(flow: dict[str, Any], path: tuple) -> Iterator[Problem]:
    yield from options.check("flows", flow, path, supplied=["size"], partial=True)
    if flow.get("velocities") == []:
        yield Problem((*path, "velocities"), "V is empty; give at least one velocity")
    speed = flow.get("max_speed")
    if isinstance(speed, int) and speed < 0:
        yield Problem((*path, "max_speed"), f"must not be negative, got {speed}")


def _protocols(config: Config) -> Iterator[Problem]:
    from fernn.config.choices import ROLLOUTS, SCHEDULES

    for name, protocol in config.protocols.items():
        for key, known in (("rollout", ROLLOUTS), ("schedule", SCHEDULES)):
            value = getattr(protocol, key)
            if value not in known:
                hint = nearest(value, known)
                yield Problem(("protocols", name, key), f"no {key} {value!r}; {hint}")


def _axes(config: Config) -> Iterator[Problem]:
    for name, axis in config.axes.items():
        known = options.kinds("evaluation")
        if axis.statistic not in known:
            hint = nearest(axis.statistic, known)
            message = f"no statistic {axis.statistic!r}; {hint}"
            yield Problem(("axes", name, "statistic"), message)


def _experiments(config: Config) -> Iterator[Problem]:
    for name, experiment in config.experiments.items():
        path = ("experiments", name)
        yield from options.check(
            "data", experiment.dataset, (*path, "dataset"), SIZES, partial=True
        )
        speed = experiment.dataset.get("max_speed", 0)
        if isinstance(speed, int) and speed < 0:
            where = (*path, "dataset", "max_speed")
            yield Problem(where, f"must not be negative, got {speed}")
        models = config.models
        yield from _named(experiment.models, models, (*path, "models"), "model")
        yield from _named(experiment.baselines, models, (*path, "baselines"), "model")
        yield from _named(experiment.axes, config.axes, (*path, "axes"), "axis")
        if experiment.protocol not in config.protocols:
            hint = nearest(experiment.protocol, config.protocols)
            message = f"no protocol {experiment.protocol!r}; {hint}"
            yield Problem((*path, "protocol"), message)
        yield from _fit(config, name)
        yield from _overrides(config, name)


def _overrides(config: Config, name: str) -> Iterator[Problem]:
    """An axis may override options of the data, by itself or by the budget."""
    experiment = config.experiments[name]
    kind = experiment.dataset.get("kind")
    if kind not in options.kinds("data"):
        return
    for axis in config.axes.keys() & set(experiment.axes):
        own = config.axes[axis].model_extra or {}
        places: list[tuple[tuple, dict]] = [(("axes", axis), own)]
        for budget, sizes in config.budgets.items():
            changed = dict(sizes.axes.get(axis, {}))
            for size in ("sequences", "horizon"):
                value = changed.pop(size, 1)
                if not isinstance(value, int) or value < 1:
                    where = ("budgets", budget, "axes", axis, size)
                    yield Problem(where, f"must be a positive number, got {value!r}")
            places.append((("budgets", budget, "axes", axis), changed))
        for path, given in places:
            spec = {"kind": kind, **given}
            yield from options.check("data", spec, path, GIVEN, partial=True)


def _fit(config: Config, name: str) -> Iterator[Problem]:
    """A model must flow as its data do, and a baseline must need no training."""
    experiment = config.experiments[name]
    flow = experiment.dataset.get("flow")
    for role in ("models", "baselines"):
        for index, model in enumerate(getattr(experiment, role)):
            spec = config.models.get(model)
            if spec is None or spec.kind not in options.kinds("models"):
                continue
            own = (spec.model_extra or {}).get("flow")
            trained = "flow" in options.names("models", spec.kind)
            path = ("experiments", name, role, index)
            if trained != (role == "models"):
                other = "baselines" if role == "models" else "models"
                yield Problem(path, f"{model!r} ({spec.kind}) belongs under {other}")
            elif trained and isinstance(own, dict) and own.get("kind") != flow:
                message = f"{model!r} flows by {own.get('kind')}, the data by {flow}"
                yield Problem(path, message)


def _tuning(config: Config) -> Iterator[Problem]:
    for name, span in config.tuning.ranges.items():
        path = ("tuning", "ranges", name)
        if name not in TUNABLE:
            yield Problem(path, f"cannot be tuned; {nearest(name, TUNABLE)}")
        if not span.low < span.high or (span.log and span.low <= 0):
            yield Problem(path, f"is no interval, got {span.low} … {span.high}")
    for index, point in enumerate(config.tuning.first):
        for name in point.keys() - config.tuning.ranges.keys():
            path = ("tuning", "first", index, name)
            yield Problem(path, f"has no range; {nearest(name, config.tuning.ranges)}")


def _items(config: Config, group: str) -> Iterator[Problem]:
    known = options.kinds(group)
    for name, cubes in getattr(config, group).items():
        if name not in known:
            message = f"no {group[:-1]} {name!r}; {nearest(name, known)}"
            yield Problem((group, name), message)
        available = [
            f"{experiment}/{axis}"
            for experiment, spec in config.experiments.items()
            for axis in spec.axes
        ]
        yield from _named(cubes, available, (group, name), "cube")


def _budget(config: Config, name: str, budget: Budget) -> Iterator[Problem]:
    path = ("budgets", name)
    if budget.source not in config.sources:
        hint = nearest(budget.source, config.sources)
        yield Problem((*path, "source"), f"no source {budget.source!r}; {hint}")
    yield from _named(
        budget.experiments, config.experiments, (*path, "experiments"), "experiment"
    )
    if budget.sequences < budget.batch:
        message = (
            f"an epoch of {budget.sequences} is smaller than a batch of {budget.batch}"
        )
        yield Problem((*path, "sequences"), message)
    if budget.long_horizon < budget.horizon:
        message = (
            f"must be at least the horizon, {budget.horizon}, got {budget.long_horizon}"
        )
        yield Problem((*path, "long_horizon"), message)
    for axis in budget.axes:
        if axis not in config.axes:
            message = f"no axis; {nearest(axis, config.axes)}"
            yield Problem((*path, "axes", axis), message)
    yield from _speeds(config, path, budget)


def _speeds(config: Config, path: tuple, budget: Budget) -> Iterator[Problem]:
    """Speeds that differ on the torus of this frame size."""
    fastest = (budget.frame_size - 1) // 2
    for name, axis in config.axes.items():
        own = budget.axes.get(name, {})
        for key in ("grid_speed", "max_speed"):
            speed = own.get(key, (axis.model_extra or {}).get(key, 0))
            where = (*path, "axes", name, key) if key in own else ("axes", name, key)
            if not isinstance(speed, int) or speed < 0:
                yield Problem(where, f"must be a number of pixels, got {speed!r}")
            elif speed > fastest:
                yield Problem(
                    where,
                    f"asks for {speed} pixels/frame; on the frame of"
                    f" {budget.frame_size} pixels of budget {path[1]!r} speeds above"
                    f" {fastest} repeat others",
                )
