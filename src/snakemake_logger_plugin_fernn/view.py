"""Which view a run has: a display in a terminal, lines elsewhere."""

from __future__ import annotations

import os
import sys
from collections.abc import Set
from typing import Protocol

from snakemake_logger_plugin_fernn.lines import Lines
from snakemake_logger_plugin_fernn.progress import Job, Run


class View(Protocol):
    """Where a run is told."""

    def say(self, text: str, mood: str = "") -> None:
        """Tell a message; `mood` is warning, error, good or anything else."""
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


def at_start(run: Run) -> View:
    """The view of what comes before the first job."""
    return Lines(sys.stderr, run)


def in_run(run: Run, quiet: Set[str], colour: bool) -> View:
    """The view of jobs, less what is to be quiet."""
    terminal = sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
    if terminal and "progress" not in quiet:
        from snakemake_logger_plugin_fernn.screen import Screen

        return Screen(run, colour)
    return Lines(
        sys.stderr, run, starts="rules" not in quiet, ends="progress" not in quiet
    )
