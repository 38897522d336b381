"""The head of each budget: one that runs, or what a dead one left."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from fernn.doctor._finding import FAIL, NOTE, OK, Finding
from fernn.doctor._place import Place
from labrun import lease_file
from labrun.controller import jobs, locks, record

ITSELF = "the next snakemake clears this itself, or: fernn doctor --unlock"


def check(place: Place) -> Iterator[Finding]:
    """Each budget that has a head, or the locks of one."""
    findings = [found for name in _budgets(place) for found in _of(place, name)]
    yield from findings or [Finding(OK, "head", "none runs, and none left locks")]


def _budgets(place: Place) -> list[str]:
    if not place.results.is_dir():
        return []
    return sorted(path.name for path in place.results.iterdir() if path.is_dir())


def _of(place: Place, budget: str) -> Iterator[Finding]:
    path = record.path_of(place.results, budget)
    head = lease_file.holder(path)
    if head is not None:
        yield Finding(NOTE, "head", record.living(budget, head))
        return
    left = _left(place, budget, path)
    if not left:
        return
    if not place.unlock:
        yield Finding(NOTE, "head", f"{budget}: {left}", ITSELF)
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
    """Processes and Slurm jobs that a head left and that go on."""
    for path in sorted((place.results / budget).rglob(".*.lease")):
        if found := lease_file.holder(path):
            yield f"{found} making {path.parent / path.name[1:].removesuffix('.lease')}"
    for job in jobs.living(jobs.prefix(place.results, budget)) or []:
        yield f"Slurm job {job}"
