"""Shares of this machine's GPUs, so that jobs meet on a card only where it was asked.

A share is a part of a card, noted in a file on which its job holds a lock of the
operating system, which ends with the process however that ends. The files lie in a
folder that all processes of a user on this machine see, so several workflows share the
cards too. Slurm gives each of its jobs cards of its own; within a job of Slurm, shares
are of that job's cards alone.
"""

from __future__ import annotations

import fcntl
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from fractions import Fraction
from math import ceil
from pathlib import Path

from labrun import gpus, slurm
from labrun.errors import UserError
from labrun.gpus import Gpu, visible
from labrun.stopping import stoppable

JOBS_PER_GPU = "LABRUN_JOBS_PER_GPU"  # environment: how many jobs one card takes, or
BY_MEMORY = "memory"  # as many as its memory holds
LOOK = 1.0  # seconds between looks at cards that are waited for


@contextmanager
def hold(
    count: int,
    memory: Callable[[], float] | None = None,
    tell: Callable[[str], None] | None = None,
) -> Iterator[None]:
    """Hold shares of so many GPUs within the block, which sees no others.

    Without a GPU that CUDA would use, nothing is held. Among several cards those with
    the fewest jobs are taken.

    Args:
        count: of cards, each another one.
        memory: gives the bytes that the job takes on each; asked only if shares are
            chosen by memory. A job without it takes whole cards.
        tell: is told once that the block waits; default: standard error.

    Raises:
        UserError: fewer cards are there, or they are parts of divided ones.
        ContinueMe: a signal asks to stop, before any card was free.
    """
    cards = list({card.identity: card for card in reversed(visible())}.values())[::-1]
    if not cards:
        yield
        return
    _require(cards, count)
    shares = _shares(cards, memory)
    with ExitStack() as locks:
        with stoppable():
            taken = _waited_for(shares, count, locks, tell or _warn)
        if os.environ.get(JOBS_PER_GPU) == BY_MEMORY:
            for card in taken:
                (tell or _warn)(f"takes {float(shares[card]):.0%} of GPU {card.name}")
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


def _shares(
    cards: list[Gpu], memory: Callable[[], float] | None
) -> dict[Gpu, Fraction]:
    """Which part of each card the job takes; all of one whose memory is not known."""
    given = os.environ.get(JOBS_PER_GPU, "1")
    if given != BY_MEMORY:
        if not given.isdecimal() or int(given) < 1:
            known = f"a positive number or {BY_MEMORY!r}"
            raise UserError(f"{JOBS_PER_GPU} must be {known}, got {given!r}")
        return dict.fromkeys(cards, Fraction(1, int(given)))
    if memory is None:
        return dict.fromkeys(cards, Fraction(1))
    needed, there = ceil(memory()), gpus.memory()
    parts = {card: Fraction(needed, there.get(card.identity, 1)) for card in cards}
    return {card: min(part, Fraction(1)) for card, part in parts.items()}


def _waited_for(
    shares: dict[Gpu, Fraction],
    count: int,
    held: ExitStack,
    tell: Callable[[str], None],
) -> list[Gpu]:
    told = False
    while True:
        taken = _take(shares, count, held)
        if taken:
            return taken
        if not told:
            tell(f"no share of {len(shares)} visible GPUs is free; waiting for {count}")
            told = True
        time.sleep(LOOK)


def _take(shares: dict[Gpu, Fraction], count: int, held: ExitStack) -> list[Gpu]:
    """The cards that have the share free, those of which least is taken first; or none.

    What living jobs have is read, and the own share noted, by one process at a time.
    """
    with _alone():
        taken = {card: _taken(card) for card in shares}
        free = [card for card, share in shares.items() if taken[card] + share <= 1]
        if len(free) < count:
            return []
        chosen = sorted(free, key=taken.__getitem__)[:count]
        for card in chosen:
            _note(card, shares[card], held)
    return chosen


@contextmanager
def _alone() -> Iterator[None]:
    with (_folder() / "turn").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _taken(card: Gpu) -> Fraction:
    """What living jobs have of a card; the notes of dead ones are removed."""
    total = Fraction(0)
    for path in _folder().glob(f"{_name(card)}.*"):
        with suppress(FileNotFoundError), path.open("r+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                total += Fraction(file.read())
            else:
                path.unlink()
    return total


def _note(card: Gpu, share: Fraction, held: ExitStack) -> None:
    """Write a share down, in a file that is locked as long as the job lives."""
    number, path = tempfile.mkstemp(prefix=f"{_name(card)}.", dir=_folder())
    held.callback(os.close, number)
    held.callback(Path(path).unlink, missing_ok=True)
    fcntl.flock(number, fcntl.LOCK_EX)
    os.write(number, str(share).encode())


def _name(card: Gpu) -> str:
    return card.identity.replace("/", "_")


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
