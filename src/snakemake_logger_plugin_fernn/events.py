"""From Snakemake's events to a run that is counted and a view that tells of it."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from typing import Any, Protocol

from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_fernn import failure
from snakemake_logger_plugin_fernn.lines import Lines
from snakemake_logger_plugin_fernn.progress import Job, Run
from snakemake_logger_plugin_fernn.wording import duration, ending, title

# Said at every start and of every job, and no news.
CHATTER = (
    "Assuming unrestricted shared filesystem usage",
    "Using shell:",
    "Select jobs to execute",
    "Conda environments: ignored",
    "Activating conda environment",
    "Group jobs: inactive",
    "Elapsed time:",
)
# The last line of a run tells them better: which jobs.
SUMMED_UP = (
    "Exiting because a job execution failed",
    "WorkflowError:\nAt least one job did not complete successfully.",
)


class View(Protocol):
    """Where a run is told."""

    def say(self, text: str, mood: str = "") -> None: ...
    def started(self, job: Job) -> None: ...
    def finished(self, job: Job, now: float) -> None: ...
    def close(self) -> None: ...
