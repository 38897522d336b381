"""What a failed job says: the end of its log."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

LINES = 15
BYTES = 1 << 16  # enough for fifteen lines, however long the log


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
