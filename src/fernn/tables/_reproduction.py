"""The numbers of every item of the paper, from the cubes that are there."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from fernn.evaluation import aggregate
from fernn.evaluation.numbers import Number, published
from labrun import modules
from labrun.errors import UserError
from labrun.spool import NAME
from labrun.storage import read_dataset

GROUPS = ("figures", "tables")
NOT_RUN = "not run"


@dataclass(frozen=True)
class Run:
    """A budget, and how many of the cubes that it should have are there.

    Attributes:
        budget: its name.
        cubes: how many there are.
        wanted: how many there should be.
        comparable: its experiments whose settings are published ones.
    """

    budget: str
    cubes: int
    wanted: int

    comparable: tuple[str, ...] = ()

    def __str__(self) -> str:
        if not self.cubes:
            return f"The budget `{self.budget}` has not been run: it has no cubes."
        there = f"{self.cubes} of {self.wanted} cubes"
        return f"Of the budget `{self.budget}` {there} are there."


def run_of(plan: Mapping[str, Any], results: Path) -> Run:
    """How much of a budget has been run; `results` is its folder."""
    experiments = plan["experiments"].items()
    names = [f"{name}/{axis}" for name, spec in experiments for axis in spec["axes"]]
    there = sum(path_of(results, name).exists() for name in names)
    return Run(plan["budget"], there, len(names), comparable(plan))


def comparable(plan: Mapping[str, Any]) -> tuple[str, ...]:
    """The experiments of which a number can be compared with a published one."""
    return tuple(
        name
        for name, spec in plan["experiments"].items()
        if any(
            about["published"] and about["published"]["mean"] and not about["differs"]
            for about in spec["attrs"]["models"].values()
        )
    )


def path_of(results: Path, cube: str) -> Path:
    """Where a cube lies below the results of a budget.

    Raises:
        UserError: its name leads elsewhere.
    """
    if not all(map(NAME.fullmatch, cube.split("/"))):
        raise UserError(f"the plan names no cube by {cube!r}")
    return results / "cubes" / f"{cube}.nc"


def cubes_of(plan: Mapping[str, Any], results: Path) -> set[Path]:
    """The files of the cubes of all items that are there."""
    names = {c for group, name in shown(plan) for c in plan[group][name]}
    return {path for name in names if (path := path_of(results, name)).exists()}


def shown(plan: Mapping[str, Any], item: str | None = None) -> list[tuple[str, str]]:
    """The figures and tables of an item, or of all, each with its group."""
    items = plan["paper"].values() if item is None else [plan["paper"][item]]
    return [(group, n) for shown in items for group in GROUPS for n in shown[group]]


def collect(plan: Mapping[str, Any], results: Path) -> dict[str, list[Number]]:
    """The numbers of every item, which its figures and tables offer as `numbers`.

    What is missing is reported as not run.

    Args:
        plan: from `fernn config`.
        results: the folder of its budget.
    """
    return {
        item: [
            number
            for group, name in shown(plan, item)
            for number in _numbers(plan, group, name, results)
        ]
        for item in plan["paper"]
    }


def _numbers(
    plan: Mapping[str, Any], group: str, name: str, results: Path
) -> Iterator[Number]:
    """Numbers of the cubes that are there, then those that are published only."""
    module = modules.load(f"fernn.{group}", name)
    if not hasattr(module, "numbers"):
        return
    paths = {cube: path_of(results, cube) for cube in plan[group][name]}
    cubes = [read_dataset(path) for path in paths.values() if path.exists()]
    aggregate.require(cubes, module.SHOWS)
    if cubes:
        yield from module.numbers(cubes)
    for cube, path in paths.items():
        if not path.exists():
            yield _missing(cube.partition("/")[0], "–")
    quantity = getattr(module, "QUANTITY", "–")
    measured = {pair for cube in cubes for pair in _compared(cube)}
    for entry, known in plan["published"].items():
        for model, value in known["values"].items():
            if known["shown"] == name and (entry, model) not in measured:
                pair = (value["mean"], value["std"])
                numbers = [math.nan if each is None else each for each in pair]
                yield _missing("–", value["label"], quantity, *numbers)


def _compared(cube: xr.Dataset) -> Iterator[tuple[str, str]]:
    """The published entry and the model of each number that a cube is compared with."""
    for entry in published([cube]):
        for model, about in aggregate.models(cube).items():
            if about["published"]:
                yield entry, model


def _missing(
    experiment: str,
    model: str,
    quantity: str = "–",
    mean: float = math.nan,
    std: float = math.nan,
) -> Number:
    nan = math.nan
    return Number(experiment, model, quantity, nan, nan, 0, mean, std, verdict=NOT_RUN)
