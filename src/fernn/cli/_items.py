"""What `figure` and `table` share: cubes in, files out, and a place in the tracker."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from labrun import modules
from labrun.errors import UserError
from labrun.spool import NAME, Spool


def add_arguments(parser: argparse.ArgumentParser, package: str, files: str) -> None:
    """Add the item's name, its cubes and its outputs."""
    known = ", ".join(modules.names(package))
    parser.add_argument("name", help=f"one of {known}")
    parser.add_argument(
        "--cubes", nargs="+", type=Path, required=True, help="netCDF files"
    )
    parser.add_argument(
        "--output", nargs="+", type=Path, required=True, help=f"files, {files}"
    )


def read(paths: Sequence[Path], module: Any) -> list[Any]:
    """The cubes of a figure or table.

    Args:
        paths: of their files.
        module: the item's, whose `SHOWS` says which cubes it is made from.

    Raises:
        UserError: a file holds no cube, or another one than the item shows.
    """
    from fernn.evaluation import aggregate
    from labrun.storage import read_dataset

    cubes = [read_dataset(path) for path in paths]
    aggregate.require(cubes, module.SHOWS)
    return cubes


def write(
    args: argparse.Namespace,
    item: Any,
    cubes: Sequence[Any],
    save: Callable,
    shown: str,
) -> None:
    """Write an item to each output with its lineage, and show one in the tracker.

    Args:
        args: with name, cubes and output.
        item: a figure or a table.
        cubes: what it is drawn from.
        save: called with the item, a path and the lineage.
        shown: the suffix of the file for the tracker; without one it is the first.

    Raises:
        UserError: a cube's budget or experiment cannot name a file.
    """
    from labrun.lineage import stamp

    _require_names(cubes)
    lineage = stamp(args.cubes)
    for path in args.output:
        save(item, path, lineage)
    fitting = [path for path in args.output if path.suffix == shown]
    _show(args.name, cubes, (fitting or args.output)[0])


def _require_names(cubes: Sequence[Any]) -> None:
    for attrs in (cube.attrs for cube in cubes):
        for part in ("budget", "experiment"):
            if not NAME.fullmatch(str(attrs.get(part))):
                raise UserError(f"the {part} of a cube is no name: {attrs.get(part)!r}")


def _show(name: str, cubes: Sequence[Any], path: Path) -> None:
    """Add an artefact to the run ``report`` of each experiment.

    Args:
        name: of the figure or table.
        cubes: what it is drawn from.
        path: the file to show, under its folder's name.
    """
    for attrs in {cube.attrs["experiment"]: cube.attrs for cube in cubes}.values():
        place = f"{attrs['budget']}/{attrs['experiment']}"
        beside = path.with_name(f"{name}.{attrs['experiment']}.events.jsonl")
        with Spool(beside, resume=False) as spool:
            spool.run(
                key=f"{place}/report",
                experiment=attrs["experiment"],
                name="report",
                tags={"stage": "report", "title": attrs["title"]},
                note="Figures and tables that draw on this experiment.",
            )
            spool.artifact(path, path.parent.name)
            spool.status("FINISHED")
