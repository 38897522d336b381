"""Keep what others write to the terminal from tearing a live display.

Jobs inherit the file descriptors of the run. While a display is live, descriptors 1
and 2 lead, where they are the terminal, into a pipe whose lines are told above it.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable


class Capture:
    """Takes over the terminal until closed; a display keeps a duplicate of its own.

    Args:
        tell: Called with each line that anyone writes, from a thread of its own.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._flush()
        self._kept = {fd: os.dup(fd) for fd in (1, 2) if os.isatty(fd)}
        self._source, sink = os.pipe()
        for fd in self._kept:
            os.dup2(sink, fd)
        os.close(sink)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def close(self) -> None:
        """Give the terminal back, after the last lines have been told."""
        self._flush()
        for fd, kept in self._kept.items():
            os.dup2(kept, fd)
        # A job that outlives the run may hold the pipe open: do not wait for it.
        self._reader.join(timeout=1.0)

    def _read(self) -> None:
        with os.fdopen(self._source, "rb") as source:
            for line in source:
                try:
                    text = line.decode(errors="replace").rstrip("\r\n")
                    self._tell(text.split("\r")[-1])
                except Exception:
                    # Whatever breaks, jobs must not block on a full pipe.
                    os.write(2 if 2 not in self._kept else self._kept[2], line)

    @staticmethod
    def _flush() -> None:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
