"""What can be wrong with axes, and with speeds on a torus."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from fernn.config import options
from fernn.config.budgets import out_of_range, sized
from fernn.config.problems import Problem
from fernn.config.recipes import SPLITS
from fernn.config.schema import Axis, AxisSizes, Budget, Config, Experiment
from fernn.data import Draw, Split

GIVEN = ("atlas", *Split.__annotations__)  # by the pipeline
SIZES = (*GIVEN, "context", "digits")  # of the data, given by the budget
# The draws of a test set; a statistic that takes only some names them as its `DRAWS`.
ANY = get_args(Draw)


def problems(config: Config) -> Iterator[Problem]:
    """Problems of every axis, by itself and at the sizes of every budget."""
    for name, axis in config.axes.items():
        yield from _statistic(axis, ("axes", name))
        if options.exists("evaluation", axis.statistic):
            yield from _own_options(config, name)
        for path, given in (
            (("axes", name), name),
            (("axes", name, "stream"), axis.stream),
        ):
            if given in SPLITS:
                yield Problem(path, "is the name of a split; choose another")
    for name in config.experiments:
        yield from _overrides(config, name)
    if config.budget in config.budgets:
        yield from _counted(config, config.budget)
    # The smallest frame first: of several problems of a value the first is told.
    for name in sorted(config.budgets, key=lambda n: config.budgets[n].frame_size):
        yield from _sized(config, name)


def _statistic(axis: Axis, path: tuple) -> Iterator[Problem]:
    where = (*path, "statistic")
    yield from options.unknown_kind("statistic", "evaluation", axis.statistic, where)
    if not options.exists("evaluation", axis.statistic):
        return
    draws = options.constant("evaluation", axis.statistic, "DRAWS") or ANY
    if axis.draw not in draws:
        needed = " or ".join(draw or "no draw" for draw in draws)
        message = f"{axis.statistic} needs {needed}, got {axis.draw or 'none'}"
        yield Problem((*path, "draw"), message)


def _own_options(config: Config, name: str) -> Iterator[Problem]:
    """Of one axis, whose statistic exists, and of the budgets that override it.

    Options are the arguments that the statistic takes by name alone; what they say
    together is judged by its `objection`, if it has one.
    """
    package, axis = "evaluation", config.axes[name]
    kind, given = axis.statistic, axis.options
    keywords = options.keywords(package, kind)
    supplied = {*options.names(package, kind)} - keywords
    objection = options.constant(package, kind, "objection")
    places = [(("axes", name, "options"), given, set()), *_own_overrides(config, name)]
    for path, own, optional in places:
        found = [
            *options.check(
                package, {**own, "kind": kind}, path, supplied, optional=optional
            )
        ]
        yield from found
        whole = {**given, **own}
        if objection and not found and keywords & whole.keys():
            message = objection(**whole)
            if message:
                yield Problem(path, message)


def _own_overrides(
    config: Config, name: str
) -> Iterator[tuple[tuple, dict[str, Any], set[str]]]:
    """Those of budgets and of their `sizes`, which may leave out any option."""
    known = {*options.names("evaluation", config.axes[name].statistic)}
    for budget, sizes in config.budgets.items():
        path = ("budgets", budget)
        own = sizes.sizes.items()
        groups = [(path, sizes.axes)]
        groups += [((*path, "sizes", e), each.axes or {}) for e, each in own]
        for where, axes in groups:
            if name in axes and axes[name].options:
                yield (*where, "axes", name, "options"), axes[name].options, known


def _overrides(config: Config, name: str) -> Iterator[Problem]:
    """An axis may override options of the data, by itself or by the budget."""
    experiment = config.experiments[name]
    kind = str(experiment.dataset.get("kind"))
    if not options.exists("data", kind):
        return
    places: list[tuple[tuple, AxisSizes]] = []
    for axis in config.axes.keys() & set(experiment.axes):
        places.append((("axes", axis), config.axes[axis]))
        for budget, sizes in config.budgets.items():
            own = sizes.sizes.get(name)
            for given, where in (
                (sizes.axes, ("budgets", budget)),
                (own and own.axes, ("budgets", budget, "sizes", name)),
            ):
                if given and axis in given:
                    places.append(((*where, "axes", axis), given[axis]))
    elsewhere = [n for n in options.names("data", kind) if n not in GIVEN]
    for path, given in places:
        own = given.model_extra or {}
        hints = [*elsewhere, *type(given).model_fields]
        given = {"kind": kind, **own}
        yield from options.check("data", given, path, GIVEN, hints)
        yield from out_of_range(own, path)
        if on_torus(flow_of(experiment)):
            yield from pairs(own.get("flows"), (*path, "flows"))


def flow_of(experiment: Experiment) -> str | None:
    """The kind of flow of an experiment's data."""
    kind = str(experiment.dataset.get("kind"))
    if not options.exists("data", kind):
        return None
    default = options.default("data", kind, "flow")
    flow = experiment.dataset.get("flow", default)
    return None if flow is None else str(flow)


def on_torus(flow: str | None) -> bool:
    """Whether a flow's velocities are pixels per frame, the same modulo its size."""
    return bool(options.constant("flows", flow, "TORUS"))


def pairs(velocities: Any, path: tuple) -> Iterator[Problem]:
    """Velocities that are not pairs of whole numbers."""
    for index, pair in enumerate(velocities if isinstance(velocities, list) else []):
        if not isinstance(pair, list) or [type(v) for v in pair] != [int, int]:
            message = f"must be [rows, columns] in whole pixels/frame, got {pair!r}"
            yield Problem((*path, index), message)


def _counted(config: Config, budget_name: str) -> Iterator[Problem]:
    """Test sets of the chosen budget whose number of sequences is not given."""
    whole, key = config.budgets[budget_name], "sequences"
    for name in whole.experiments:
        if name not in config.experiments:
            continue
        sizes = sized(config, whole, name).axes
        for index, axis in enumerate(config.experiments[name].axes):
            entry, own = config.axes.get(axis), sizes.get(axis)
            if entry is None or entry.draw is None or key in entry.model_fields_set:
                continue
            if own is None or key not in own.model_fields_set:
                message = f"budget {budget_name!r} gives {axis!r} no {key}"
                yield Problem(("experiments", name, "axes", index), message)


def _sized(config: Config, budget_name: str) -> Iterator[Problem]:
    """Problems at the frame size of a budget."""
    whole = config.budgets[budget_name]
    names = [n for n in whole.experiments if n in config.experiments]
    for name in names:
        experiment, budget = config.experiments[name], sized(config, whole, name)
        if not on_torus(flow_of(experiment)):
            continue
        path = ("experiments", name, "dataset", "max_speed")
        yield from _speed(
            experiment.dataset.get("max_speed"), budget_name, budget, path
        )
        for model in config.models.keys() & set(experiment.models):
            flow = (config.models[model].model_extra or {}).get("flow")
            if isinstance(flow, dict):
                path = ("models", model, "flow")
                yield from _slots(flow, budget_name, budget, path)
        for axis in config.axes.keys() & set(experiment.axes):
            yield from _axis(config, budget_name, budget, axis)


def _axis(
    config: Config, budget_name: str, budget: Budget, name: str
) -> Iterator[Problem]:
    axis = config.axes[name]
    sizes = budget.axes.get(name)
    override = sizes.model_dump(exclude_unset=True) if sizes else {}
    merged = {**axis.model_dump(), **override}

    def at(key: str) -> tuple:
        inner = ("budgets", budget_name) if key in override else ()
        return (*inner, "axes", name, key)

    for key in ("grid_speed", "max_speed"):
        yield from _speed(merged.get(key), budget_name, budget, at(key))
    if axis.statistic == "hidden_state" and axis.draw == "flowed":
        side = 2 * merged.get("grid_speed", 0) + 1
        flows = merged.get("flows") or [[0, 0]] * (side**2 - 1)
        if merged.get("flows"):  # one that is no list has a problem of its own
            flows = [flow for flow in flows if not isinstance(flow, list) or any(flow)]
        if merged["sequences"] != 1:
            message = f"hidden_state shows 1 sequence, got {merged['sequences']}"
            yield Problem(at("sequences"), message)
        if len(flows) != 1:
            message = f"hidden_state shows 1 flow that moves, got {len(flows)}"
            yield Problem(at("flows"), message)


def _speed(
    speed: Any, budget_name: str, budget: Budget, path: tuple
) -> Iterator[Problem]:
    """Speeds that differ on the torus of this frame size."""
    fastest = (budget.frame_size - 1) // 2
    if not isinstance(speed, int):
        return
    if speed < 0:
        yield Problem(path, f"must not be negative, got {speed}")
    elif speed > fastest:
        message = (
            f"{speed} pixels/frame is too fast: on the {budget.frame_size} pixels of"
            f" budget {budget_name!r} speeds above {fastest} repeat others"
        )
        yield Problem(path, message)


def _slots(
    flow: dict[str, Any], budget_name: str, budget: Budget, path: tuple
) -> Iterator[Problem]:
    """Velocities of V that are one on the torus."""
    speed = flow.get("max_speed")
    yield from _speed(speed, budget_name, budget, (*path, "max_speed"))
    velocities = flow.get("velocities")
    if not velocities or list(pairs(velocities, ())):
        return
    size = budget.frame_size
    wrapped = {(rows % size, columns % size) for rows, columns in velocities}
    if len(wrapped) < len(velocities):
        message = (
            f"two of the {len(velocities)} velocities are equal on the {size} pixels of"
            f" budget {budget_name!r}"
        )
        yield Problem((*path, "velocities"), message)
