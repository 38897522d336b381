"""Output to a standard error that cannot be written is dropped; the work continues."""

from __future__ import annotations

import os
import sys
from typing import Any, TextIO

STANDARD = (0, 1, 2)  # file descriptors


class Droppable:
    """A stream whose failing writes are dropped, that one and all later ones.

    Args:
        stream: such as standard error on a full disk, or to a reader that has left.
    """

    def __init__(self, stream: TextIO):
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, or drop."""
        try:
            return self._stream.write(text)
        except OSError:
            self._mute()
            return len(text)

    def flush(self) -> None:
        """Flush, or drop."""
        try:
            self._stream.flush()
        except OSError:
            self._mute()

    def _mute(self) -> None:
        """Point the descriptor to the null device: its buffer does not fail again."""
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, self._stream.fileno())
        os.close(nowhere)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def guard() -> None:
    """Make standard error droppable, and open descriptors that were closed.

    A file that is opened later would get the number of a closed one, and with it what
    libraries print.
    """
    for number in STANDARD:
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free number, which is this
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)
    if not isinstance(sys.stderr, Droppable):
        sys.stderr = Droppable(sys.stderr)  # pyright: ignore[reportAttributeAccessIssue]
