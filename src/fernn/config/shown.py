"""Which cubes each figure and table shows."""

from __future__ import annotations

from typing import Any

from fernn import needs
from fernn.config import options
from fernn.config.axes import flow_of, on_torus
from fernn.config.recipes import axis_of, redraw_of
from fernn.config.schema import Budget, Config

GROUPS = ("figures", "tables")
ALL = "all"  # in place of a cube: every one that fits


def properties(
    config: Config, name: str, axis: str, sizes: Budget | None = None
) -> dict[str, Any]:
    """What `fernn.needs` tells of a cube; with the sizes of a budget, all of it."""
    experiment = config.experiments[name]
    data = str(experiment.dataset.get("kind"))
    found = {
        "statistic": config.axes[axis].statistic if axis in config.axes else None,
        "draw": config.axes[axis].draw if axis in config.axes else None,
        "unit": "pixels" if on_torus(flow_of(experiment)) else "degrees",
        "changing": "motion" in options.names("data", data),
        "redraw": redraw_of(experiment),
    }
    if sizes is not None:
        horizon = axis_of(config, sizes, axis, sizes.long_horizon)["horizon"]
        found["longer"] = horizon > sizes.horizon
    return found


def items(
    config: Config, group: str, sizes: dict[str, Budget], bench: bool
) -> dict[str, list[str]]:
    """Figures or tables with the cubes that a budget has; none without any.

    An experiment that no list names is shown by all that have a list and fit it, but
    for those whose module says `ONLY_LISTED`.

    Args:
        config: the configuration.
        group: ``figures`` or ``tables``.
        sizes: of the budget's experiments, by name.
        bench: whether the budget has measurements.
    """
    there = [*sizes, *([needs.BENCH] if bench else [])]
    named, found = _named(config), {}
    for name, cubes in getattr(config, group).items():
        listed = [c for c in cubes if c.split("/")[0] in there]
        others = [each for each in sizes if each not in named]
        if cubes and options.constant(group, name, "ONLY_LISTED"):
            others = []
        added = sizes if ALL in cubes else others
        shows = options.constant(group, name, "SHOWS") if cubes else {}
        fitting = [
            f"{experiment}/{axis}"
            for experiment in added
            for axis in config.experiments[experiment].axes
            if needs.wanted(
                shows or {}, properties(config, experiment, axis, sizes[experiment])
            )
        ]
        found[name] = [*dict.fromkeys([*listed, *fitting])]
    return {name: cubes for name, cubes in found.items() if cubes}


def unshown(config: Config, plan: dict[str, Any]) -> list[str]:
    """The cubes that no figure and no table of the plan shows.

    Not those of a test set that is shown of other experiments and that a list leaves
    out: a list has chosen.
    """
    shown = {c for group in GROUPS for cubes in plan[group].values() for c in cubes}
    known, named = {cube.split("/")[1] for cube in shown}, _named(config)
    return [
        f"{name}/{axis}"
        for name, experiment in plan["experiments"].items()
        for axis in experiment["axes"]
        if f"{name}/{axis}" not in shown and (name not in named or axis not in known)
    ]


def _named(config: Config) -> set[str]:
    """The experiments that any list names."""
    groups = [getattr(config, group) for group in GROUPS]
    lists = [cubes for items in groups for cubes in items.values()]
    return {cube.split("/")[0] for cubes in lists for cube in cubes}
