"""Show a figure or table with every experiment it draws on, in the tracker."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fernn.spool import Spool


def show(name: str, cubes: Sequence[Any], path: Path, folder: str) -> None:
    """Add an artefact to the run ``report`` of each experiment.

    Args:
        name: of the figure or table.
        cubes: what it is drawn from.
        path: the file to show.
        folder: where the tracker shows it.
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
            spool.artifact(path, folder)
            spool.status("FINISHED")
