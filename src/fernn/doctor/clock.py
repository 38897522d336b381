"""The clock of this machine against the file system's."""

from __future__ import annotations

import time
from collections.abc import Iterator

from fernn.doctor._finding import NOTE, OK, Finding
from fernn.doctor._place import Place, nearest, try_to_write

TOLERANCE = 2.0  # seconds


def check(place: Place) -> Iterator[Finding]:
    """How far a new file's time is from now.

    Leases and Snakemake compare times of files only, so this is no failure.
    """
    before = time.time()
    written = try_to_write(nearest(place.results)).st_mtime
    late = max(before - written, written - time.time(), 0.0)
    if late > TOLERANCE:
        remedy = "leases use the file system's clock only; the times in logs differ"
        yield Finding(NOTE, "clock", f"{late:.0f} s off the file system's", remedy)
    else:
        yield Finding(OK, "clock", "agrees with the file system's")
