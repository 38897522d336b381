"""Shares of this machine's GPUs, so that jobs meet on a card only where it was asked.

A share is a lock of the operating system on a file, which ends with its process however
that ends. The files lie in a folder that all processes of a user on this machine see,
so several workflows share the cards too. Slurm gives each of its jobs cards of its own;
within a job of Slurm, shares are of that job's cards alone.
"""

from __future__ import annotations

import fcntl
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from labrun import slurm
from labrun.errors import UserError
from labrun.gpus import Gpu, visible
from labrun.stopping import stoppable

JOBS_PER_GPU = "LABRUN_JOBS_PER_GPU"  # environment: how many jobs one card takes
LOOK = 1.0  # seconds between looks at cards that are waited for


@contextmanager
def hold(count: int, tell: Callable[[str], None] | None = None) -> Iterator[None]:
    """Hold shares of so many GPUs within the block, which sees no others.

    Without a GPU that CUDA would use, nothing is held. Among several cards those with
    the fewest jobs are taken.

    Args:
        count: of cards, each another one.
        tell: is told once that the block waits; default: standard error.

    Raises:
        UserError: fewer cards are there, or they are parts of divided ones.
        ContinueMe: a signal asks to stop, before any card was free.
    """
    cards = visible()
    if not cards:
        yield
        return
    _require(cards, count)
    with ExitStack() as locks:
        with stoppable():
            taken = _waited_for(cards, count, locks, tell or _warn)
        before = os.environ.get("CUDA_VISIBLE_DEVICES")
        os.environ["CUDA_VISIBLE_DEVICES"] = ",".join(each.name for each in taken)
        try:
            yield
        finally:
            if before is None:
                del os.environ["CUDA_VISIBLE_DEVICES"]
            else:
                os.environ["CUDA_VISIBLE_DEVICES"] = before


def _require(cards: list[Gpu], count: int) -> None:
    if count > len(cards):
        raise UserError(f"{count} GPUs are asked for, but {len(cards)} can be used")
    if count > 1 and any(each.is_part for each in cards):
        raise UserError(f"{count} GPUs are asked for, but a process can use one of MIG")


def _waited_for(
    cards: list[Gpu], count: int, locks: ExitStack, tell: Callable[[str], None]
) -> list[Gpu]:
    told = False
    while True:
        with ExitStack() as attempt:
            taken = _take(cards, count, attempt)
            if len(taken) == count:
                locks.push(attempt.pop_all())
                return taken
        if not told:
            tell(f"no share of {len(cards)} visible GPUs is free; waiting for {count}")
            told = True
        time.sleep(LOOK)


def _take(cards: list[Gpu], count: int, attempt: ExitStack) -> list[Gpu]:
    """As many of `count` cards as are free, those with the fewest jobs first."""
    taken: list[Gpu] = []
    for share in range(_jobs_per_gpu()):
        for card in cards:
            if len(taken) == count:
                return taken
            if card not in taken and _lock(card, share, attempt):
                taken.append(card)
    return taken


def _jobs_per_gpu() -> int:
    given = os.environ.get(JOBS_PER_GPU, "1")
    if not given.isdecimal() or int(given) < 1:
        raise UserError(f"{JOBS_PER_GPU} must be a positive number, got {given!r}")
    return int(given)


def _lock(card: Gpu, share: int, attempt: ExitStack) -> bool:
    name = card.identity.replace("/", "_")
    path = _folder() / f"{name}.{share}"
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return False
    attempt.callback(os.close, file)
    return True


def _folder() -> Path:
    """Of this user, on this machine; of one job of Slurm."""
    job = f"-job-{slurm.job()}" if slurm.job() else ""
    folder = Path(tempfile.gettempdir(), f"labrun-gpus-{os.getuid()}{job}")
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise UserError(f"{folder} belongs to another user; set TMPDIR")
    return folder


def _warn(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
