"""Progress: a bar with the time left in a terminal, plain lines in a log."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from labrun.estimate.text import duration

LINE_EVERY = 5.0  # seconds between lines of a log


class Advance(Protocol):
    """Say how far the work is."""

    def __call__(self, done: int, detail: str = "") -> None:
        """Work `done` of the total, with a few words on how it goes."""
        ...


@contextmanager
def progress(what: str, total: int) -> Iterator[Advance]:
    """Show the progress of `total` pieces of work on standard error."""
    if sys.stderr.isatty():
        with _bar(what, total) as advance:
            yield advance
    else:
        yield _lines(what, total)


@contextmanager
def _bar(what: str, total: int) -> Iterator[Advance]:
    from rich import progress as rich
    from rich.console import Console

    columns = (
        rich.TextColumn("{task.description}"),
        rich.BarColumn(),
        rich.MofNCompleteColumn(),
        rich.TimeRemainingColumn(),
        rich.TextColumn("{task.fields[detail]}"),
    )
    with rich.Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(what, total=total, detail="")
        yield lambda done, detail="": bar.update(task, completed=done, detail=detail)


def _lines(what: str, total: int) -> Advance:
    started = time.monotonic()
    first: int | None = None
    shown = float("-inf")

    def advance(done: int, detail: str = "") -> None:
        nonlocal first, shown
        now = time.monotonic()
        first = done if first is None else first
        if done < total and now - shown < LINE_EVERY:
            return
        shown = now
        share = done - first
        left = (now - started) / share * (total - done) if share else 0
        ending = f", {duration(left)} left" if share and done < total else ""
        print(
            f"{what}: {done}/{total}{ending} {detail}".rstrip(),
            file=sys.stderr,
            flush=True,
        )

    return advance
