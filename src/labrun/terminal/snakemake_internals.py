"""What Snakemake has no hook for before it reads its workflow: its reader is wrapped.

`tests/test_snakemake_internals.py` reads in Snakemake's source what this relies on; so
do two changes in `workflow/rules/snakemake_internals.smk`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any


def check_first(check: Callable[[Path], int]) -> None:
    """Look at each configuration file that Snakemake is about to read.

    Snakemake reports neither the place of a mistake in YAML nor, without a traceback, a
    file that is missing; and it runs the expressions of a file that begins
    ``__use_yte__: true``, even in a dry run. It makes its loggers before it reads
    `--configfile`, but offers no hook between the two: its reader is wrapped. A file
    that is refused ends Snakemake.

    Args:
        check: says on standard error what is wrong, and gives the exit code, or 0.
    """
    from snakemake.common import configfile

    read = configfile._load_configfile
    if getattr(read, "checks_first", False):
        return

    @functools.wraps(read)
    def checked(path: Any, filetype: str = "Config") -> Any:
        if isinstance(path, str | Path) and filetype == "Config":
            if code := check(Path(path)):
                raise SystemExit(code)
        return read(path, filetype)

    checked.checks_first = True  # pyright: ignore[reportAttributeAccessIssue]
    configfile._load_configfile = checked
