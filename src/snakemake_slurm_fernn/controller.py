"""Whether Slurm's controller answers, told once when it stops and once when it does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from labrun.commands import run_command

ANSWER = 60.0  # seconds for a ping; Slurm itself gives up after ten per controller


def is_away() -> bool:
    """Whether Slurm says that no controller is up; False if it cannot be asked."""
    told = run_command("scontrol", "ping", patience=ANSWER).text
    return "is DOWN" in told and "is UP" not in told


class Outage:
    """A time without answers, told in a line at its begin and one at its end.

    Args:
        tell: is given the lines, from any thread.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._since: float | None = None
        self._lock = threading.Lock()

    def begin(self) -> None:
        """Slurm did not answer."""
        with self._lock:
            if self._since is None:
                self._since = time.monotonic()
                self._tell("Slurm does not answer: waiting for it; jobs that run go on")

    def end(self) -> None:
        """Slurm answered."""
        with self._lock:
            if self._since is not None:
                seconds = time.monotonic() - self._since
                self._since = None
                self._tell(f"Slurm answers again, after {seconds:.0f} s")
