"""Configuration files are checked before Snakemake reads them.

Snakemake tells neither the place of a mistake in YAML nor, without a traceback, a file
that is missing; and it runs the expressions of a file that begins
``__use_yte__: true``, even in a dry run. It makes its loggers before it reads
`--configfile`.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any


def check_first() -> None:
    """Let `fernn config --syntax` look at each file that Snakemake is about to read.

    A file that it refuses ends Snakemake with exit code 2.
    """
    from snakemake.common import configfile

    read = configfile._load_configfile
    if getattr(read, "checks_first", False):
        return

    def checked(path: Any, filetype: str = "Config") -> Any:
        if isinstance(path, str | Path) and filetype == "Config":
            _check(path)
        return read(path, filetype)

    checked.checks_first = True  # pyright: ignore[reportFunctionMemberAccess]
    configfile._load_configfile = checked


def _check(path: str | Path) -> None:
    command = [sys.executable, "-m", "fernn", "config", "--syntax", str(path)]
    done = subprocess.run(command)
    if done.returncode:
        raise SystemExit(done.returncode)
