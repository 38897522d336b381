"""The view for a terminal: the jobs that run, and one bar for all."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Callable

from rich.console import Console, ConsoleDimensions, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Column, Table
from rich.text import Text

from labrun.terminal.run import Job, Run, Snapshot
from labrun.terminal.words import counted, stopwatch

STYLES = {"warning": "yellow", "error": "red", "good": "green"}
FRAMES_PER_SECOND = 2
UNKNOWN = (80, 24)  # columns and lines of a terminal that does not know its own
MARGIN = 4  # columns: what is typed, as ^C, must not wrap and tear the display


class Screen:
    """Draws the run twice a second, and writes messages above it."""

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
        """Write a message above the display."""
        self._console.print(Text(text, STYLES.get(mood, "")), soft_wrap=True)

    def say_raw(self, text: str) -> None:
        """Repeat what another program wrote, with its colours."""
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
            # Descriptors 1 and 2 are not the terminal now: say its size.
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
    bar = ProgressBar(total=max(run.total, 1), completed=run.done)
    row.add_row(bar, " · ".join(counted(run, now, share=True)))
    return row


class Capture:
    """Takes over the terminal until closed; a display keeps a duplicate of its own.

    Jobs inherit the file descriptors of the run, and what they write would tear a live
    display. Descriptors 1 and 2 lead, where they are the terminal, into a pipe whose
    lines are written above it.

    Args:
        write: Called with each line that anyone writes, from a thread of its own.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._flush()
        self._kept = {fd: os.dup(fd) for fd in (1, 2) if os.isatty(fd)}
        self._source, sink = os.pipe()
        for fd in self._kept:
            os.dup2(sink, fd)
        os.close(sink)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def close(self) -> None:
        """Give the terminal back, after the last lines have been written."""
        self._flush()
        for fd, kept in self._kept.items():
            os.dup2(kept, fd)
        # A job that outlives the run may hold the pipe open: do not wait for it.
        self._reader.join(timeout=1.0)

    def _read(self) -> None:
        with os.fdopen(self._source, "rb") as source:
            for line in source:
                try:
                    text = line.decode(errors="replace").rstrip("\r\n")
                    self._write(text.split("\r")[-1])
                except Exception:
                    # Whatever breaks, jobs must not block on a full pipe.
                    os.write(2 if 2 not in self._kept else self._kept[2], line)

    @staticmethod
    def _flush() -> None:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
