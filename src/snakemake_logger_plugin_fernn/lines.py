"""The view for a log: a line for each job that starts or ends."""

from __future__ import annotations

from typing import TextIO

from snakemake_logger_plugin_fernn.progress import Job, Run
from snakemake_logger_plugin_fernn.wording import duration, moment, time_left


class Lines:
    """Writes lines, each with the time of day where it tells of a job.

    Args:
        stream: Where to.
        run: The run to tell of.
        starts: Tell of jobs that start.
        ends: Tell of jobs that end, how far the run is and how long it will take.
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
        if not self._ends:
            return
        run = self._run.snapshot(now)
        words = [
            f"{moment(now)} {job.title} done in {duration(now - job.started)}",
            f"{run.done}/{run.total} jobs",
        ]
        if run.failed:
            words.append(f"{len(run.failed)} failed")
        if run.done + len(run.failed) < run.total:
            words.append(time_left(run, now))
        self.say(" · ".join(words))

    def close(self) -> None:
        """Nothing is left to write."""
