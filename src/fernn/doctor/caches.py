"""The caches: Snakemake, pooch and matplotlib keep files below the home folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from fernn.doctor._finding import FAIL, OK, Finding
from fernn.doctor._place import Place, nearest, try_to_write

REMEDY = "export XDG_CACHE_HOME=FOLDER, one that can be written"


def check(place: Place) -> Iterator[Finding]:
    """Whether the folder of caches can be written, also where home is read-only."""
    variable = os.environ.get("XDG_CACHE_HOME")
    name = "XDG_CACHE_HOME" if variable else "~/.cache"
    try:
        folder = Path(variable) if variable else Path.home() / ".cache"
        try_to_write(nearest(folder))
    except (OSError, RuntimeError) as error:  # RuntimeError: there is no home
        reason = getattr(error, "strerror", None) or error
        yield Finding(FAIL, "caches", f"{name} cannot be written: {reason}", REMEDY)
        return
    yield Finding(OK, "caches", f"{name} can be written")
