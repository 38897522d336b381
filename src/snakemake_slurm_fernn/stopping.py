"""How a run on Slurm is told to stop, and what runs beside it."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import NoReturn

import psutil


def like_ctrl_c(waiting: object) -> None:
    """Let SIGTERM stop the run as Ctrl-C does.

    Args:
        waiting: Snakemake's own handler, which waits for all jobs that are submitted,
            for ever if they cannot start. Another one is left in its place.
    """
    if signal.getsignal(signal.SIGTERM) == waiting:
        signal.signal(signal.SIGTERM, _stop)


def _stop(*_: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # one is enough, and is under way
    raise KeyboardInterrupt


def end_local_jobs() -> None:
    """Send SIGTERM to what runs on this machine for this run.

    Ctrl-C has reached it already; SIGTERM reaches Snakemake alone. What has a process
    group of its own, as the tracker does, ends by itself.
    """
    mine = os.getpgid(0)
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error, ProcessLookupError):
            if os.getpgid(child.pid) == mine:
                child.terminate()
