"""Words for what a person reads: names of jobs, durations, the time left."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path

from snakemake_logger_plugin_fernn.progress import Snapshot

NAMED = 10  # failed jobs named at the end; each has been told before


def title(rule: str, wildcards: Mapping[str, object]) -> str:
    """Name a job; a bare number is told with the name of its wildcard."""
    words = [rule]
    for name, value in wildcards.items():
        words.append(f"{name} {value}" if str(value).isdecimal() else str(value))
    return " ".join(words)


def duration(seconds: float) -> str:
    """A duration in its natural unit: 41 s, 6 min, 3.5 h, 2.1 days."""
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    if seconds < 99.5 * 60:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} days"


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


def places(results: Path) -> str:
    """Where to look at what a finished run has made, below ``results/{budget}``."""
    budget = results.name
    make = Path("Makefile").is_file()
    report = f"snakemake --config budget={budget} --report report.html"
    found = {
        "figures": str(results / "figures"),
        "report": f"make report BUDGET={budget}" if make else report,
        "tracker": "make ui" if make else "fernn ui",
    }
    return "   ".join(f"{what}: {where}" for what, where in found.items())


def ending(run: Snapshot) -> tuple[str, str]:
    """How a run ended, in words, and whether that is good, a warning or an error."""
    took = duration(run.seconds)
    if not run.failed:
        if run.done == run.total:
            return f"{run.total - run.before} jobs in {took}", "good"
        words = f"stopped: {run.done}/{run.total} jobs done in {took}; the same command"
        return f"{words} goes on from here", "warning"
    names = ", ".join(run.failed[:NAMED])
    more = len(run.failed) - NAMED
    names += f" and {more} more" if more > 0 else ""
    return f"failed: {names}; {run.done}/{run.total} jobs done in {took}", "error"
