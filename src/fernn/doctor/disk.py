"""Space, and files that can still be made."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fernn.doctor._finding import FAIL, NOTE, OK, Finding
from fernn.doctor._place import Place, nearest, try_to_write
from labrun.errors import UserError

GB = 1e9
FEW = 20_000  # files of a run with its logs, leases and Snakemake's own, generously
LEAST = 0.5 * GB  # for temporary files, or where the configuration cannot be read


def check(place: Place) -> Iterator[Finding]:
    """The results folder and the one for temporary files."""
    try:
        needed = max(need(place), LEAST)
    except UserError:  # told by the check of the configuration
        needed = LEAST
    yield look("disk", str(place.results), place.results, needed, FEW)
    folder = Path(tempfile.gettempdir())
    yield look("temporary", str(folder), folder, LEAST, 1000)


def look(what: str, name: str, folder: Path, needed: float, files: int) -> Finding:
    """One folder: written, with the bytes and the files needed."""
    there = nearest(folder)
    try:
        try_to_write(there)
    except OSError as error:
        return Finding(FAIL, what, f"{name} cannot be written: {error.strerror}")
    system = os.statvfs(there)
    free = system.f_bavail * system.f_frsize
    found = f"{name}: {free / GB:.1f} GB free, about {needed / GB:.1f} GB needed"
    if free < needed:
        return Finding(FAIL, what, found, "make room, or link it to a larger disk")
    if system.f_files and system.f_favail < files:
        found = f"{name}: {system.f_favail} more files possible, {files} needed"
        return Finding(FAIL, what, found, "remove files: its disk is out of inodes")
    return Finding(NOTE if free < 2 * needed else OK, what, found)


def need(place: Place) -> float:
    """Bytes that the whole budget takes.

    Raises:
        UserError: the configuration has mistakes.
    """
    from fernn.estimate.disk import disk
    from fernn.estimate.jobs import jobs

    plan = place.plan
    return sum(disk(plan, jobs(plan), place.results / plan["budget"]).values())
