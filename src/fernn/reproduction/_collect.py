"""The numbers of each item of the paper, from the cubes that are there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import xarray as xr

from fernn.reproduction._number import Number
from labrun import modules
from labrun.errors import UserError
from labrun.spool import NAME
from labrun.storage import read_dataset

PACKAGE = "fernn.reproduction"
GROUPS = ("figures", "tables")
NOT_RUN = "not run"


def cubes_of(plan: dict[str, Any], item: str) -> list[str]:
    """The cubes that show an item, as ``experiment/axis``."""
    shown = plan["paper"][item]
    names = [c for group in GROUPS for n in shown[group] for c in plan[group][n]]
    return list(dict.fromkeys(names))


def path_of(results: Path, cube: str) -> Path:
    """Where a cube lies below the results of a budget.

    Raises:
        UserError: its name leads elsewhere.
    """
    if not all(map(NAME.fullmatch, cube.split("/"))):
        raise UserError(f"the plan names no cube by {cube!r}")
    return results / "cubes" / f"{cube}.nc"


def collect(plan: dict[str, Any], results: Path) -> dict[str, list[Number]]:
    """The numbers of every item; those that are missing are told as not run.

    Args:
        plan: from `fernn config`.
        results: the folder of its budget.
    """
    return {item: list(_numbers(plan, results, item)) for item in plan["paper"]}


def _numbers(plan: dict[str, Any], results: Path, item: str) -> Iterator[Number]:
    for group in GROUPS:
        for name in plan["paper"][item][group]:
            if name in modules.names(PACKAGE):
                module = modules.load(PACKAGE, name)
                yield from _of_module(module, plan[group][name], results)


def _of_module(module: Any, names: list[str], results: Path) -> Iterator[Number]:
    """Numbers of the cubes that are there, then what is published and has none."""
    paths = {name: path_of(results, name) for name in names}
    cubes: list[xr.Dataset] = [read_dataset(p) for p in paths.values() if p.exists()]
    found = list(module.numbers(cubes)) if cubes else []
    yield from found
    for name, path in paths.items():
        if not path.exists():
            yield _missing(name.partition("/")[0], "–")
    ours = {(number.model, number.published_mean) for number in found}
    for label, value in getattr(module, "PUBLISHED", ()):
        if (label, value.mean) not in ours:
            published = {"published_mean": value.mean, "published_std": value.std}
            yield _missing("–", label, module.QUANTITY, **published)


def _missing(
    experiment: str, model: str, quantity: str = "–", **published: float
) -> Number:
    nan = float("nan")
    return Number(
        experiment, model, quantity, nan, nan, 0, verdict=NOT_RUN, **published
    )
