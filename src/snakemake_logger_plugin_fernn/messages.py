"""Snakemake's own messages: which are news, and what they say of jobs."""

from __future__ import annotations

import re

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
# The last line of a run tells it better: which jobs.
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
# An error as `brief` tells it: of a command that an interrupt may have ended.
ENDED = re.compile(r", line \d+: the command (returned|died)")
# What the workflow says when it goes on after an earlier run.
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
    """The id of a job that failed only afterwards, of which no event tells."""
    found = MISSING_OUTPUT.search(message)
    return int(found[1]) if found else None


def done_before(message: str) -> int | None:
    """How many jobs earlier runs have done, if the message tells."""
    found = DONE_BEFORE.match(message)
    return int(found[1]) if found else None


def is_news(message: str, *, began: bool, failed: bool, stopping: bool) -> bool:
    """Whether to tell a message.

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
