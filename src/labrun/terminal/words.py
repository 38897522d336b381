"""What a person reads: names, the time left, the end of a run, Snakemake's messages."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from labrun.estimate.text import duration
from labrun.terminal.run import Snapshot

NAMED = 10  # failed jobs named at the end; each has been shown before
LINES = 15  # of a failed job's log
BYTES = 1 << 16  # enough for fifteen lines, however long the log
# Said at every start or of every job, and no news.
CHATTER = (
    "Assuming unrestricted shared filesystem usage",
    "Using shell:",
    "Select jobs to execute",
    "Conda environments: ignored",
    "Activating conda environment",
    "Group jobs: inactive",
    "Elapsed time:",
)
# The last line of a run says it better: which jobs.
SUMMED_UP = (
    "Exiting because a job execution failed",
    "WorkflowError:\nAt least one job did not complete successfully.",
)
# The file of the whole log is of interest only if something went wrong.
WHERE = "Complete log(s):"
STOPPING = "Terminating processes on user request"
INTERRUPTED = re.compile(r"died with <Signals\.(SIGINT|SIGTERM)")

# Snakemake repeats the whole command; the rule's place and the exit code say enough.
COMMAND = re.compile(
    r".*CalledProcessError in file \"?(.+?)\"?, line (\d+):\n"
    r"Command '.*' ((?:returned|died)[^\n]*)",
    re.DOTALL,
)
# An error as `brief` shortens it: of a command that an interrupt may have ended.
ENDED = re.compile(r", line \d+: the command (returned|died)")
# What the workflow says when it continues an earlier run.
DONE_BEFORE = re.compile(r"continues: (\d+) of \d+ jobs are done")
MISSING_OUTPUT = re.compile(r"Job (\d+) +completed successfully, but some output files")


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


def brief(message: str) -> str:
    """An error without the command that caused it."""
    found = COMMAND.match(message)
    if not found:
        return message
    file, line, end = found.groups()
    return f"{file}, line {line}: the command {end}"


def missing_output(message: str) -> int | None:
    """The id of a job that failed only afterwards, without an event of its own."""
    found = MISSING_OUTPUT.search(message)
    return int(found[1]) if found else None


def done_before(message: str) -> int | None:
    """How many jobs earlier runs have done, if the message says so."""
    found = DONE_BEFORE.match(message)
    return int(found[1]) if found else None


def is_news(message: str, *, began: bool, failed: bool, stopping: bool) -> bool:
    """Whether to show a message.

    Args:
        message: What Snakemake says.
        began: Jobs have been announced, so that a last line will sum up.
        failed: Jobs have failed.
        stopping: Somebody pressed Ctrl-C or sent SIGTERM, which ends commands too.
    """
    return not (
        message in ("", "None")
        or message.startswith(CHATTER)
        or (began and message.startswith(SUMMED_UP))
        or (not failed and message.startswith(WHERE))
        or (stopping and tells_an_end(message))
    )


def tells_an_end(message: str) -> bool:
    """Whether it says that a command ended, which an interrupt may have done."""
    return bool(INTERRUPTED.search(message) or ENDED.search(message))


def tails(paths: Iterable[str]) -> list[str]:
    """The last lines of each log, below its path."""
    lines = []
    for path in map(str, paths):
        end = _tail(Path(path))
        if end:
            lines += [f"  {path} ends with:", *(f"    {line}" for line in end)]
        else:
            lines.append(f"  {path} is empty or not there.")
    return lines or ["  It keeps no log."]


def _tail(path: Path) -> list[str]:
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            stream.seek(max(size - BYTES, 0))
            text = stream.read().decode(errors="replace")
    except OSError:
        return []
    return [line.split("\r")[-1] for line in text.splitlines()[-LINES:]]
