"""Whether a process still runs, told safely when process numbers are used again."""

from __future__ import annotations

import functools
import os
import socket
from pathlib import Path


@functools.cache
def place() -> str:
    """Where process numbers mean the same: one boot of one machine, one container."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').readlink()}"
    except OSError:  # a system without /proc
        return socket.gethostname()


def started(pid: int) -> str:
    """When a process started, in ticks since the boot; empty if it does not run.

    A system without /proc cannot tell, and gives ``?`` for a process that runs.
    """
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return "?" if not Path("/proc/self/stat").exists() and _answers(pid) else ""
    state, *fields = stat.rpartition(")")[2].split()
    return "" if state in "ZX" else fields[18]


def is_alive(pid: int, since: str = "") -> bool:
    """Whether a process runs; one that ended but was not waited for does not.

    Args:
        pid: its number, on this `place`.
        since: what `started` told of it; another start is another process.
    """
    now = started(pid)
    return bool(now) and (not since or now == since)


def _answers(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # another user's process
        return True
    return True
