"""The Slurm job this process runs in, if any."""

from __future__ import annotations

import os
import re
import socket
import time

from labrun.commands import run_command

RESERVE = 120.0  # seconds before the time limit, to save in
SHARE = 0.1  # of a short limit


def job() -> str:
    """The number of the job, or nothing."""
    return os.environ.get("SLURM_JOB_ID", "")


def node() -> str:
    """The name of this machine."""
    return os.environ.get("SLURMD_NODENAME") or socket.gethostname()


def seconds_to_work() -> float | None:
    """Until it is time to save before the job's limit; None without job or limit."""
    left = seconds(_squeue("%L"))
    return None if left is None else max(0.0, left - min(RESERVE, SHARE * left))


class Countdown:
    """Seconds that are left of a number, or of no limit."""

    def __init__(self, total: float | None):
        self.end = None if total is None else time.monotonic() + total

    def seconds(self) -> float | None:
        """What is left now; None for no limit."""
        return None if self.end is None else max(0.0, self.end - time.monotonic())


def seconds(text: str) -> float | None:
    """Slurm's ``days-hours:minutes:seconds``; None for UNLIMITED and the like."""
    match = re.fullmatch(r"(?:(\d+)-)?(?:(?:(\d+):)?(\d+):)?(\d+)", text)
    if not match:
        return None
    days, hours, minutes, rest = (int(part or 0) for part in match.groups())
    return float(((days * 24 + hours) * 60 + minutes) * 60 + rest)


def minutes(limit: str) -> float:
    """A time limit as Slurm prints it, in minutes; infinity for none."""
    found = seconds(limit)
    return float("inf") if found is None else found / 60


def requeue() -> bool:
    """Ask Slurm to start this job again, unless it is ending it; whether it agreed.

    Slurm would bring back even a job that was cancelled.
    """
    return (
        _squeue("%T") == "RUNNING"
        and not run_command("scontrol", "requeue", job()).error
    )


def _squeue(field: str) -> str:
    """What the queue tells of this job; empty without an answer, or outside a job."""
    if not job():
        return ""
    told = run_command("squeue", "--noheader", "--jobs", job(), "--format", field)
    return "" if told.error else told.text.strip()
