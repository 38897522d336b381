"""What a failed job says: the end of its log."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

LINES = 15
BYTES = 1 << 16  # enough for fifteen lines, however long the log

# Snakemake repeats the whole command; the rule's place and the exit code say enough.
COMMAND = re.compile(
    r".*CalledProcessError in file \"?(.+?)\"?, line (\d+):\n"
    r"Command '.*' ((?:returned|died)[^\n]*)",
    re.DOTALL,
)
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
