"""Words for what a person reads: names of jobs, the time left, how a run ended."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from labrun.estimate.text import duration
from labrun.terminal.run import Snapshot

NAMED = 10  # failed jobs named at the end; each has been shown before


def title(rule: str, wildcards: Mapping[str, object]) -> str:
    """Name a job; a bare number has the name of its wildcard before it."""
    words = [rule]
    for name, value in wildcards.items():
        words.append(f"{name} {value}" if str(value).isdecimal() else str(value))
    return " ".join(words)


def stopwatch(seconds: float) -> str:
    """A time that runs: 0:41, 12:03, 1:02:03."""
    minutes, rest = divmod(int(max(seconds, 0.0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def moment(now: float) -> str:
    """The local time of day."""
    return time.strftime("%H:%M:%S", time.localtime(now))


def time_left(run: Snapshot, now: float) -> str:
    """How long a run will take, and until when.

    What is known of only some rules is the least; where jobs failed, those that need
    them will not run.
    """
    left = run.left
    if left.seconds < 1:
        return "nearly done" if left.complete else "time left unknown"
    if left.complete:
        sort = "at most" if run.failed else "about"
    else:
        sort = "about" if run.failed else "at least"
    words = f"{sort} {duration(left.seconds)} left"
    if left.seconds < 60:
        return words
    end = time.localtime(now + left.seconds)
    today = time.localtime(now)[:3] == end[:3]
    return (
        f"{words}, until {time.strftime('%H:%M' if today else '%a %d %b %H:%M', end)}"
    )


def counted(run: Snapshot, now: float, share: bool = False) -> list[str]:
    """How far a run is, and the time left if it has not ended.

    Args:
        run: the run.
        now: in unix seconds.
        share: whether the per cent done and the time since the start are wanted.
    """
    words = [f"{run.done}/{run.total} jobs"]
    if share:
        words += [f"{100 * run.done // run.total} %"] if run.total else []
        words.append(stopwatch(run.seconds))
    if run.failed:
        words.append(f"{len(run.failed)} failed")
    if run.done + len(run.failed) < run.total:
        words.append(time_left(run, now))
    return words


def places(results: Path, command: str) -> str:
    """Where to look at what a finished run has made.

    Args:
        results: the folder ``results/{budget}``.
        command: of the laboratory, whose subcommand `ui` shows the tracker.
    """
    budget = results.name
    make = Path("Makefile").is_file()
    report = f"snakemake --config budget={budget} --report report.html"
    found = {
        "figures": str(results / "figures"),
        "report": f"make report BUDGET={budget}" if make else report,
        "tracker": "make ui" if make else f"{command} ui",
    }
    return "   ".join(f"{what}: {where}" for what, where in found.items())


def ending(run: Snapshot) -> tuple[str, str]:
    """How a run ended, in words, and whether that is good, a warning or an error."""
    took = duration(run.seconds)
    if not run.failed:
        if run.done == run.total:
            return f"{run.total - run.before} jobs in {took}", "good"
        words = f"stopped: {run.done}/{run.total} jobs done in {took}; the same command"
        return f"{words} continues from here", "warning"
    names = ", ".join(run.failed[:NAMED])
    more = len(run.failed) - NAMED
    names += f" and {more} more" if more > 0 else ""
    return f"failed: {names}; {run.done}/{run.total} jobs done in {took}", "error"
