"""What earlier runs left in the results folder: heads, locks and leases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from labrun import lease_file
from labrun.controller import jobs, locks, record
from labrun.doctor.place import FAIL, NOTE, OK, Finding, Place

SHOWN = 3


def head(place: Place) -> Iterator[Finding]:
    """Each budget that a head runs, or that has the locks of a dead one."""
    findings = [found for name in _budgets(place) for found in _head_of(place, name)]
    yield from findings or [Finding(OK, "head", "none runs, and none left locks")]


def _budgets(place: Place) -> list[str]:
    if not place.results.is_dir():
        return []
    return sorted(path.name for path in place.results.iterdir() if path.is_dir())


def _head_of(place: Place, budget: str) -> Iterator[Finding]:
    path = record.path_of(place.results, budget)
    found = lease_file.holder(path)
    if found is not None:
        yield Finding(NOTE, "head", record.living(budget, found))
        return
    left = _left(place, budget, path)
    if not left:
        return
    if not place.unlock:
        unlock = f"{place.command} doctor --unlock"
        remedy = f"the next snakemake clears this itself, or: {unlock}"
        yield Finding(NOTE, "head", f"{budget}: {left}", remedy)
        return
    if alive := list(_alive(place, budget)):
        found = f"{budget}: not cleared, as of its head live {', '.join(alive)}"
        remedy = "wait for them, or start snakemake, which waits"
        yield Finding(FAIL, "head", found, remedy)
        return
    done = record.clear(place.results, budget)
    path.unlink(missing_ok=True)
    yield Finding(OK, "head", f"{budget}: {left}; cleared{done and f': {done}'}")


def _left(place: Place, budget: str, path: Path) -> str:
    """What there is of a dead head; nothing if there is nothing."""
    dead, files = lease_file.read(path), locks.of(place.results, budget)
    parts = [f"the head {dead} died"] if dead else []
    parts += [f"{len(files)} lock(s) of a dead head"] if files else []
    return ", ".join(parts)


def _alive(place: Place, budget: str) -> Iterator[str]:
    """Processes and Slurm jobs of a dead head that still run."""
    for path in sorted((place.results / budget).rglob(".*.lease")):
        if found := lease_file.holder(path):
            yield f"{found} making {path.parent / path.name[1:].removesuffix('.lease')}"
    for job in jobs.living(jobs.prefix(place.results, budget)) or []:
        yield f"Slurm job {job}"


def leases(place: Place) -> Iterator[Finding]:
    """Who makes something below the results folder; nothing is removed."""
    paths = sorted(place.results.rglob(".*.lease"))
    found = [lease_file.holder(path) for path in paths if path.name != ".head.lease"]
    alive = [str(each) for each in found if each]
    dead = len(found) - len(alive)
    if alive:
        more = f" and {len(alive) - SHOWN} more" if len(alive) > SHOWN else ""
        makers = f"{', '.join(alive[:SHOWN])}{more}"
        yield Finding(NOTE, "leases", f"outputs are being made by {makers}")
    if dead:
        remedy = "nothing to do: whoever makes these outputs takes them over"
        yield Finding(NOTE, "leases", f"{dead} of processes that died", remedy)
    if not found:
        yield Finding(OK, "leases", "no output is being made")
