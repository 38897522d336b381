"""What Snakemake says: which messages are news, what they say of jobs, ends of logs."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

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
        or (stopping and (INTERRUPTED.search(message) or ENDED.search(message)))
    )


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
