"""The Slurm jobs of a budget, known by the beginning of their names."""

from __future__ import annotations

import hashlib
import re
import time
from pathlib import Path

from labrun.commands import run_command
from labrun.project import project
from labrun.tracking.folder import Folder

ANSWER = 20.0  # seconds for one
END = 90.0  # seconds for cancelled jobs to save and end; Slurm kills them after 30
LOOK = 1.0
LONGEST = 50
OVER = set(
    "BOOT_FAIL CANCELLED COMPLETED DEADLINE FAILED NODE_FAIL OUT_OF_MEMORY PREEMPTED"
    " REVOKED TIMEOUT".split()
)
UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"  # Snakemake's own part of a name


def prefix(results: Path, budget: str) -> str:
    """What the names begin with: this results folder and the budget.

    Snakemake's plugin takes at most 50 letters, digits, hyphens and underscores.
    """
    name = f"{project().name}_{Folder(results).identity()}_{budget}"
    if len(name) <= LONGEST:
        return name
    short = hashlib.sha256(budget.encode()).hexdigest()[:8]
    return f"{name[: LONGEST - len(short) - 1]}_{short}"


def living(prefix: str) -> list[str] | None:
    """The numbers of the jobs that wait, run or end; None if Slurm does not answer."""
    query = ("squeue", "--noheader", "--states=all", "--format=%A|%T|%j")
    told = run_command(*query, patience=ANSWER)
    if told.error:
        return None
    lines = told.text.splitlines()
    jobs = [line.split("|", 2) for line in lines if line.count("|") >= 2]
    name = re.compile(rf"{re.escape(prefix)}_{UUID}")
    return [
        number
        for number, state, called in jobs
        if state not in OVER and name.fullmatch(called.strip())
    ]


def cancel(prefix: str, patience: float = END) -> tuple[list[str], list[str]]:
    """Cancel the jobs and wait for their end: those that ended, those that did not."""
    found = living(prefix) or []
    if not found:
        return [], []
    run_command("scancel", *found, patience=ANSWER)
    end, left = time.monotonic() + patience, found
    while left and time.monotonic() < end:
        time.sleep(LOOK)
        # One that asked Slurm to start it again waits in the queue.
        run_command("scancel", "--state=PENDING", *left, patience=ANSWER)
        now = living(prefix)
        left = left if now is None else [job for job in found if job in now]
    return [job for job in found if job not in left], left
