"""Where a run is shown: a display in a terminal, lines elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Set
from typing import Protocol, TextIO

from labrun.estimate.text import duration
from labrun.terminal.run import Job, Run
from labrun.terminal.words import counted, moment


class View(Protocol):
    """Where a run is shown."""

    def say(self, text: str, mood: str = "") -> None:
        """Show a message; `mood` is warning, error, good or anything else."""
        ...

    def started(self, job: Job) -> None:
        """A job has started."""
        ...

    def finished(self, job: Job, now: float) -> None:
        """A job has ended well."""
        ...

    def close(self) -> None:
        """Nothing runs any more; there may still be something to say."""
        ...


class Lines:
    """Writes lines, each with the time of day where it is about a job.

    Args:
        stream: Where to.
        run: The run to show.
        starts: Show jobs that start.
        ends: Show jobs that end, how far the run is and how long it will take.
    """

    def __init__(
        self, stream: TextIO, run: Run, *, starts: bool = True, ends: bool = True
    ) -> None:
        self._stream = stream
        self._run = run
        self._starts = starts
        self._ends = ends

    def say(self, text: str, mood: str = "") -> None:
        """Write a message; `mood` is for views that have colours."""
        print(text, file=self._stream, flush=True)

    def started(self, job: Job) -> None:
        """A job has started."""
        if self._starts:
            self.say(f"{moment(job.started)} {job.title} started")

    def finished(self, job: Job, now: float) -> None:
        """A job has ended well."""
        if self._ends:
            took = duration(now - job.started)
            words = f"{moment(now)} {job.title} done in {took}"
            self.say(" · ".join([words, *counted(self._run.snapshot(now), now)]))

    def close(self) -> None:
        """Nothing is left to write."""


def at_start(run: Run) -> View:
    """The view of what comes before the first job."""
    return Lines(sys.stderr, run)


def in_run(run: Run, quiet: Set[str], colour: bool) -> View:
    """The view of jobs, less what is to be quiet."""
    terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    if terminal and "progress" not in quiet:
        from labrun.terminal.screen import Screen

        return Screen(run, colour)
    return Lines(
        sys.stderr, run, starts="rules" not in quiet, ends="progress" not in quiet
    )
