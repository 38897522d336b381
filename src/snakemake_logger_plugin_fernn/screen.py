"""The view for a terminal: the jobs that run, and one bar for all."""

from __future__ import annotations

import os
import time

from rich.console import Console, ConsoleDimensions, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from snakemake_logger_plugin_fernn.capture import Capture
from snakemake_logger_plugin_fernn.progress import Job, Run, Snapshot
from snakemake_logger_plugin_fernn.wording import stopwatch, time_left

STYLES = {"warning": "yellow", "error": "red", "good": "green"}
FRAMES_PER_SECOND = 2
UNKNOWN = (80, 24)  # columns and lines of a terminal that does not tell its own
MARGIN = 4  # columns: what is typed, as ^C, must not wrap and tear the display


class Screen:
    """Draws the run anew twice a second, and tells messages above it."""

    def __init__(self, run: Run, colour: bool = True) -> None:
        self._run = run
        self._terminal = os.fdopen(os.dup(2), "w", encoding="utf-8", errors="replace")
        self._console = Console(
            file=self._terminal,
            force_terminal=True,
            no_color=not colour,
            highlight=False,
        )
        self._live = Live(
            get_renderable=self._frame,
            console=self._console,
            refresh_per_second=FRAMES_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
            transient=True,
        )
        self._live.start()
        self._capture = Capture(self.say_raw)

    def say(self, text: str, mood: str = "") -> None:
        """Tell a message above the display."""
        self._console.print(Text(text, STYLES.get(mood, "")), soft_wrap=True)

    def say_raw(self, text: str) -> None:
        """Tell what another program wrote, with its colours."""
        self._console.print(Text.from_ansi(text), soft_wrap=True)

    def started(self, job: Job) -> None:
        """The next frame shows it."""

    def finished(self, job: Job, now: float) -> None:
        """The next frame shows it."""

    def close(self) -> None:
        """Take the display away and give the terminal back."""
        self._live.stop()
        self._capture.close()

    def _frame(self) -> RenderableType:
        try:
            # Descriptors 1 and 2 are not the terminal now: tell its size.
            size = os.get_terminal_size(self._terminal.fileno())
            if not (size.columns and size.lines):  # it does not know
                size = os.terminal_size(UNKNOWN)
            self._console.size = ConsoleDimensions(*size)
            return frame(self._run.snapshot(time.time()), time.time(), size)
        except Exception as error:  # drawing must never stop the display's thread
            return Text(f"(no display: {error})")


def frame(run: Snapshot, now: float, size: os.terminal_size) -> RenderableType:
    """Picture a run at one moment, within a terminal of this size."""
    jobs = Table.grid(
        Column(overflow="ellipsis", no_wrap=True),
        Column(justify="right", no_wrap=True),
        Column(no_wrap=True),
        padding=(0, 2, 0, 0),
    )
    room = max(size.lines - 3, 1)
    for job, seconds, mean in run.running[:room]:
        usual = f"of about {stopwatch(mean)}" if mean else ""
        name = Text(job.title)
        name.stylize("bold cyan", 0, len(job.rule))
        jobs.add_row(name, stopwatch(seconds), Text(usual, "dim"))
    if len(run.running) > room:
        jobs.add_row(Text(f"and {len(run.running) - room} more", "dim"))
    whole = Table.grid(expand=True)
    whole.width = max(size.columns - MARGIN, 1)
    whole.add_row(jobs)
    whole.add_row(_bar(run, now))
    return whole


def _bar(run: Snapshot, now: float) -> RenderableType:
    row = Table.grid(
        Column(ratio=1, min_width=8),
        Column(no_wrap=True, overflow="ellipsis"),
        padding=(0, 2, 0, 0),
        expand=True,
    )
    words = [f"{run.done}/{run.total} jobs"]
    if run.total:
        words.append(f"{100 * run.done // run.total} %")
    words.append(stopwatch(run.seconds))
    if run.failed:
        words.append(f"{len(run.failed)} failed")
    if run.done + len(run.failed) < run.total:
        words.append(time_left(run, now))
    bar = ProgressBar(total=max(run.total, 1), completed=run.done)
    row.add_row(bar, " · ".join(words))
    return row
