"""What a configuration of the right shape can still have wrong."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError

from fernn.config import axes, frames, options
from fernn.config.choices import CHOICES
from fernn.config.options import unknown
from fernn.config.problems import Problem, from_pydantic
from fernn.config.schema import Budget, Config, Model, Protocol, Range, Search
from fernn.config.sizes import (
    BENCH,
    FORECAST,
    options_of_sizes,
    sized,
    task,
    task_of,
)
from fernn.errors import nearest

TUNABLE = {"learning_rate", "clip"}


def problems(config: Config) -> Iterator[Problem]:
    """Every problem, section by section."""
    yield from unknown("budget", config.budget, config.budgets, ("budget",))
    for name, spec in config.sources.items():
        yield from options.check("data/sources", spec, ("sources", name))
    sizes = options_of_sizes(config)
    for name, model in config.models.items():
        yield from _model(model, ("models", name), sizes)
    yield from _protocols(config)
    yield from axes.problems(config)
    yield from frames.problems(config)
    for name in config.experiments:
        yield from _experiment(config, name)
    yield from _tuning(config.tuning, ("tuning",))
    yield from _items(config, "figures")
    yield from _items(config, "tables")
    for item, shown in config.paper.items():
        known = [*config.figures, *config.tables]
        yield from _each_known(shown, known, ("paper", item), "figure or table")
    for name, budget in config.budgets.items():
        yield from _budget(config, budget, ("budgets", name))


def _each_known(
    names: Iterable[str], known: Collection[str], path: tuple, what: str
) -> Iterator[Problem]:
    for index, name in enumerate(names):
        yield from unknown(what, name, known, (*path, index))


def _model(model: Model, path: tuple, sizes: Collection[str]) -> Iterator[Problem]:
    own = model.model_extra or {}
    spec = {"kind": model.kind, **own}
    yield from options.check("models", spec, path, supplied=["size"])
    for name in own.keys() & Budget.model_fields.keys():
        field = Budget.model_fields[name]
        limited: Any = Annotated[field.annotation, *field.metadata]  # pyright: ignore
        try:
            TypeAdapter(limited).validate_python(own[name])
        except ValidationError as error:
            yield from from_pydantic(error, (*path, name))
    kernel = own.get("kernel", 1)
    if isinstance(kernel, int) and (kernel < 1 or kernel % 2 == 0):
        yield Problem((*path, "kernel"), f"must be odd and positive, got {kernel}")
    if isinstance(own.get("flow"), dict):
        yield from _flow(own["flow"], (*path, "flow"), sizes)
    yield from _mixing(own, path)


def _mixing(own: dict[str, Any], path: tuple) -> Iterator[Problem]:
    """Mixed slots have the plain execution alone."""
    mixing, execution = own.get("mixing", "none"), own.get("execution", "auto")
    if mixing in CHOICES["mixing"] and mixing != "none":
        if execution in CHOICES["execution"] and execution not in ("auto", "plain"):
            message = f"{execution!r} does not mix slots (mixing {mixing!r}); use plain"
            yield Problem((*path, "execution"), message)
    radius = own.get("mixing_radius", 1)
    if isinstance(radius, int) and radius < 1:
        yield Problem((*path, "mixing_radius"), f"must be positive, got {radius}")


def _flow(
    flow: dict[str, Any], path: tuple, sizes: Collection[str]
) -> Iterator[Problem]:
    """V is given in one of the ways that the flow's module lists as `WAYS`."""
    yield from options.check("flows", flow, path, ["size"], optional=sizes)
    if flow.get("kind") not in list(options.kinds("flows")):
        return
    ways = options.constant("flows", flow["kind"], "WAYS")
    given = [name for name in ways if flow.get(name) is not None]
    given = [name for name in given if flow[name] is not False]
    if len(given) != 1:
        got = " and ".join(given) or "none"
        yield Problem(path, f"V is given by one of {', '.join(ways)}, got {got}")
    if flow.get("velocities") == []:
        yield Problem((*path, "velocities"), "V is empty; give at least one velocity")
    if axes.on_torus(flow["kind"]):
        yield from axes.pairs(flow.get("velocities"), (*path, "velocities"))


def _protocols(config: Config) -> Iterator[Problem]:
    for name, protocol in config.protocols.items():
        path = ("protocols", name)
        for key in ("rollout", "schedule"):
            value = getattr(protocol, key)
            if value is not None:
                yield from unknown(key, value, CHOICES[key], (*path, key))
        if protocol.tuning:
            yield from _tuning(protocol.tuning, (*path, "tuning"))
        yield from _rates(config, protocol, path)


def _rates(config: Config, protocol: Protocol, path: tuple) -> Iterator[Problem]:
    """Hyperparameters must be where tuning may find them."""
    for key, span in (protocol.tuning or config.tuning).ranges.items():
        if key in TUNABLE:
            yield from _inside(getattr(protocol, key), span, (*path, key))
        if key == "learning_rate":
            for model, rate in protocol.learning_rates.items():
                yield from _inside(rate, span, (*path, "learning_rates", model))
    for model in protocol.learning_rates:
        where = (*path, "learning_rates", model)
        yield from unknown("model", model, config.models, where)


def _experiment(config: Config, name: str) -> Iterator[Problem]:
    experiment, path = config.experiments[name], ("experiments", name)
    dataset = experiment.dataset
    where = (*path, "dataset")
    if name == BENCH:
        yield Problem(path, "is the name of measurements; choose another")
    sizes = options_of_sizes(config)
    yield from options.check("data", dataset, where, axes.SIZES, optional=sizes)
    for group in ("models", "baselines"):
        names = getattr(experiment, group)
        yield from _each_known(names, config.models, (*path, group), "model")
    yield from _each_known(experiment.axes, config.axes, (*path, "axes"), "axis")
    where = (*path, "protocol")
    yield from unknown("protocol", experiment.protocol, config.protocols, where)
    if dataset.get("kind") in list(options.kinds("data")):
        yield from _fit(config, name)
        yield from _one_task(config, name)


def _fit(config: Config, name: str) -> Iterator[Problem]:
    """A model must flow as its data do, and a baseline must need no training."""
    experiment, path = config.experiments[name], ("experiments", name)
    dataset = experiment.dataset
    flow = dataset.get("flow", options.default("data", dataset["kind"], "flow"))
    if flow not in list(options.kinds("flows")):
        where = (*path, "dataset", "flow")
        yield from unknown("flow", flow, options.kinds("flows"), where)
        return
    for group in ("models", "baselines"):
        for index, model in enumerate(getattr(experiment, group)):
            spec = config.models.get(model)
            if spec is None or spec.kind not in list(options.kinds("models")):
                continue
            own = (spec.model_extra or {}).get("flow")
            trained = options.constant("models", spec.kind, "TRAINED") is not False
            where = (*path, group, index)
            if trained != (group == "models"):
                other = "baselines" if group == "models" else "models"
                yield Problem(where, f"{model!r} ({spec.kind}) belongs under {other}")
            elif trained and isinstance(own, dict) and own.get("kind") != flow:
                message = f"{model!r} flows by {own.get('kind')}, the data by {flow}"
                yield Problem(where, message)


def _tuning(search: Search, path: tuple) -> Iterator[Problem]:
    ranges = search.ranges
    for name, span in ranges.items():
        where = (*path, "ranges", name)
        if name not in TUNABLE:
            yield Problem(where, f"cannot be tuned; {nearest(name, TUNABLE)}")
        if not span.low < span.high or (span.log and span.low <= 0):
            yield Problem(where, f"is no interval, got {span.low} … {span.high}")
    for index, point in enumerate(search.first):
        where = (*path, "first", index)
        for name, value in point.items():
            if name in ranges:
                yield from _inside(value, ranges[name], (*where, name))
            else:
                hint = nearest(name, ranges)
                yield Problem((*where, name), f"has no range; {hint}")
        for name in (ranges.keys() & TUNABLE) - point.keys():
            yield Problem((*where, name), "is missing; it has a range")


def _inside(value: float, span: Range, path: tuple) -> Iterator[Problem]:
    if span.low < span.high and not span.low <= value <= span.high:
        message = f"{value} is outside its range {span.low} … {span.high} in tuning"
        yield Problem(path, message)


def _items(config: Config, group: str) -> Iterator[Problem]:
    known = options.kinds(group)
    available = [
        f"{experiment}/{axis}"
        for experiment, spec in config.experiments.items()
        for axis in spec.axes
    ]
    available += [f"{BENCH}/{name}" for name in options.kinds("bench")]
    for name, cubes in getattr(config, group).items():
        yield from unknown(group[:-1], name, known, (group, name))
        yield from _each_known(cubes, available, (group, name), "cube")
        drawn = options.constant(group, name, "AXES") if name in known else None
        for index, cube in enumerate(cubes):
            axis = cube.partition("/")[2]
            if cube in available and drawn is not None and axis not in drawn:
                message = f"{name} shows {' or '.join(drawn)}, not {axis}"
                yield Problem((group, name, index), message)


def _one_task(config: Config, name: str) -> Iterator[Problem]:
    """Models and statistics must be for what the data are for."""
    experiment, path = config.experiments[name], ("experiments", name)
    wanted = task(config, name)
    for group in ("models", "baselines"):
        for index, model in enumerate(getattr(experiment, group)):
            spec = config.models.get(model)
            found = task_of("models", spec.kind) if spec else wanted
            if found != wanted:
                message = f"{model!r} learns to {found}, the data are to {wanted}"
                yield Problem((*path, group, index), message)
    for index, axis in enumerate(experiment.axes):
        spec = config.axes.get(axis)
        found = task_of("evaluation", spec.statistic) if spec else wanted
        if found not in (wanted, "any"):
            message = f"{axis!r} measures how models {found}, the data are to {wanted}"
            yield Problem((*path, "axes", index), message)
    protocol = config.protocols.get(experiment.protocol)
    if protocol and wanted == FORECAST and protocol.rollout is None:
        message = f"has no rollout, and {name!r} forecasts"
        yield Problem(("protocols", experiment.protocol), message)


def _budget(config: Config, budget: Budget, path: tuple) -> Iterator[Problem]:
    where = (*path, "experiments")
    yield from _each_known(budget.experiments, config.experiments, where, "experiment")
    yield from _sizes(config, budget, path)
    for name, own in budget.sizes.items():
        where = (*path, "sizes", name)
        yield from unknown("experiment", name, budget.experiments, where)
        if name in config.experiments:
            for problem in _sizes(config, sized(config, budget, name), where):
                key, *inner = problem.path[len(where) :]
                place = where if key in own.model_fields_set else path
                yield Problem((*place, key, *inner), problem.message)
            yield from _options(config, name, own.options or {}, (*where, "options"))
        given = own.tuning.model_fields_set if own.tuning else set()
        for key in sorted(given & {"workers", "mode"}):
            message = "is the budget's, one for all experiments"
            yield Problem((*where, "tuning", key), message)


def _options(
    config: Config, name: str, given: dict[str, int], path: tuple
) -> Iterator[Problem]:
    """Sizes that none of the experiment's data, models and flows has an option for."""
    experiment = config.experiments[name]
    used = [("data", str(experiment.dataset.get("kind")))]
    for model in config.models.keys() & set(experiment.models):
        spec = config.models[model]
        used.append(("models", spec.kind))
        flow = (spec.model_extra or {}).get("flow")
        used.append(("flows", str(flow.get("kind")) if isinstance(flow, dict) else ""))
    pairs = [pair for pair in used if pair[1] in options.kinds(pair[0])]
    known = {option for pair in pairs for option in options.names(*pair)}
    for option in given:
        yield from unknown("option", option, known, (*path, option))


def _sizes(config: Config, budget: Budget, path: tuple) -> Iterator[Problem]:
    yield from unknown("source", budget.source, config.sources, (*path, "source"))
    if budget.sequences < budget.batch:
        message = f"an epoch of {budget.sequences} is less than a batch, {budget.batch}"
        yield Problem((*path, "sequences"), message)
    if budget.long_horizon < budget.horizon:
        message = (
            f"must be at least the horizon, {budget.horizon}, got {budget.long_horizon}"
        )
        yield Problem((*path, "long_horizon"), message)
    if budget.batch % budget.devices:
        yield Problem((*path, "devices"), _unequal(budget.batch, budget.devices))
    for axis in budget.axes:
        yield from unknown("axis", axis, config.axes, (*path, "axes", axis))


def _unequal(batch: int, devices: int) -> str:
    divisors = [number for number in range(1, batch + 1) if batch % number == 0]
    closest = min(divisors, key=lambda number: abs(number - devices))
    return f"{devices} cannot share a batch of {batch} equally; nearest: {closest}"
