"""The head's lease: taken before a run, kept fresh beside it."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from labrun import lease, processes
from labrun.controller import jobs, locks
from labrun.errors import UserError
from labrun.lease import Holder

Tell = Callable[[str], None]


def path_of(results: Path, budget: str) -> Path:
    """The lease of a budget's head."""
    return results / budget / ".head.lease"


def begin(results: Path, budget: str, pid: int, tell: Tell) -> str:
    """Make a process the head of a budget, after one that died was cleared away.

    Args:
        results: the results folder, in the folder where Snakemake runs.
        budget: the part of it that is made.
        pid: of Snakemake, on this machine.
        tell: is told what was done, in a line.

    Returns:
        What the names of its Slurm jobs begin with.

    Raises:
        UserError: a living head runs the budget, or its folder cannot be written.
    """
    path = path_of(results, budget)
    before = lease.read(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        taken = _take(path, budget, pid, tell)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"{path.parent} cannot be written: {reason}") from None
    try:
        done = clear(results, budget)
    except BaseException:
        taken.release()
        raise
    if done:
        who = f"the last run, {before}, died" if before else "the last run died"
        tell(f"{budget}: {who}: {done}")
    return jobs.prefix(results, budget)


def clear(results: Path, budget: str) -> str:
    """Cancel the Slurm jobs and remove the locks of a dead head; what was done."""
    cancelled, left = jobs.cancel(jobs.prefix(results, budget))
    removed = locks.remove(results, budget)
    done = []
    if cancelled:
        done.append(f"Slurm job(s) {', '.join(cancelled)} cancelled")
    if left:
        done.append(f"Slurm job(s) {', '.join(left)} do not end, others wait for them")
    if removed:
        done.append(f"{removed} lock(s) removed")
    return ", ".join(done)


def _take(path: Path, budget: str, pid: int, tell: Tell) -> lease.Lease:
    """The lease, once nobody living holds it.

    What runs on another machine cannot be looked at: it lives if it shows a new sign
    of life, and is dead if its lease expires.
    """
    taken, first = lease.Lease(path, "snakemake", pid), None
    while not taken.take():
        found = lease.holder(path)
        if found is None:
            continue
        seen = _touched(path), found.token
        if found.is_here or (first and seen != first):
            raise UserError(living(budget, found))
        if first is None:
            first = seen
            tell(f"{budget} was run by {found}; is it alive? (up to 2 minutes)")
        time.sleep(lease.LOOK)
    return taken


def living(budget: str, head: Holder) -> str:
    """What a second head is told of the first."""
    since = datetime.fromtimestamp(head.since).strftime("%Y-%m-%d %H:%M")
    return f"{budget} is already run by {head} since {since}; wait for it or stop it"


@contextmanager
def kept(path: Path, pid: int) -> Iterator[None]:
    """Show a head's signs of life within the block.

    If it is dead then, its lease is made old: nobody elsewhere waits for a sign. A head
    that ends properly removes it.

    Args:
        path: the head's lease; another head's is left alone.
        pid: of the head.
    """
    mine = lease.read(path)
    if mine is None or not mine.is_here or mine.pid != pid:
        yield
        return
    done = threading.Event()

    def touch() -> None:
        while not done.wait(lease.TOUCH):
            with suppress(OSError):
                if lease.read(path) == mine:
                    os.utime(path)

    threading.Thread(target=touch, daemon=True).start()
    try:
        yield
    finally:
        done.set()
        if lease.read(path) == mine and not processes.is_alive(pid, mine.started):
            os.utime(path, (0, 0))


def _touched(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        return 0
