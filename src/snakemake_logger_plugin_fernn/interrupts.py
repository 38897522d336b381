"""Whether Ctrl-C was pressed: jobs that it ends fail before Snakemake says why."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

_came = threading.Event()


def came() -> bool:
    """Whether this process has got SIGINT."""
    return _came.is_set()


def watch() -> None:
    """Notice SIGINT, and leave to its handler what to do; only a main thread can."""
    if threading.current_thread() is not threading.main_thread():
        return
    before: Any = signal.getsignal(signal.SIGINT)
    if not callable(before):  # ignored, or the system's own
        return

    def notice(number: int, frame: FrameType | None) -> None:
        _came.set()
        before(number, frame)

    signal.signal(signal.SIGINT, notice)
