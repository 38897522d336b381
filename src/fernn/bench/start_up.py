"""Time to start.

Seconds on the clock on the wall, the median of three, of what every job and every user
waits for.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from fernn.bench._commands import require_snakefile, wall_time
from fernn.bench._row import Row

PYTHON = sys.executable


def measure(quick: bool) -> Iterator[Row]:
    """Seconds of four commands."""
    require_snakefile()
    repeats = 1 if quick else 3
    for name, command, target in (
        ("python, nothing else", ["-c", "pass"], None),
        ("import fernn", ["-c", "import fernn"], None),
        ("fernn --help", ["-m", "fernn", "--help"], None),
        ("fernn config: check and resolve", ["-m", "fernn", "config"], 2),
    ):
        seconds, _ = wall_time([PYTHON, *command], repeats)
        yield Row(name, seconds, "s", at_most=target)
