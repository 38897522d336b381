"""How a command ends: an exit code, and one line for what its user can mend."""

from __future__ import annotations

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from labrun.errors import ContinueMe, Damaged, UserError
from labrun.lease import hold
from labrun.project import project
from labrun.storage import FULL

CONTINUE_ME = 75
REFUSED = (errno.EACCES, errno.EPERM, errno.EROFS)  # the user may mend the mode
MISNAMED = (errno.EEXIST, errno.ENAMETOOLONG, errno.ENOTDIR)  # a file as a folder, …
EXPECTED = (ContinueMe, OSError, UserError)


@contextmanager
def command(name: str, output: Path | None = None) -> Iterator[None]:
    """Run a command within the block, and end the process if it fails.

    The exit code is 2 for what the user can mend, with one line, and 75 if the work is
    saved and the same command continues it.

    Args:
        name: of the command.
        output: the file it makes; one process at a time makes it, others wait.
    """
    try:
        if output is None:
            yield
        else:
            with hold(output, f"{project().name} {name}"):
                yield
    except EXPECTED as error:
        text, code = explained(error)
        if not code:
            raise
        print(text, end="\n" if text else "", file=sys.stderr)
        raise SystemExit(code) from None


def explained(error: Exception) -> tuple[str, int]:
    """What to print, and the exit code; 0 for an error that is a mistake of ours."""
    if isinstance(error, BrokenPipeError):
        return "", 141
    text, code = str(error), CONTINUE_ME if isinstance(error, ContinueMe) else 2
    if isinstance(error, Damaged):
        text = f"{error}; {_set_aside(error.path)}"
    elif isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        if error.errno in (*REFUSED, *MISNAMED) and where:
            text = f"{where}{str(error.strerror).lower()}"
        elif error.errno in FULL:
            again = "nothing is lost: free some and run the same command"
            text = f"{where}the disk is full; {again}"
        else:
            return "", 0
    return "\n".join(f"{project().name}: {line}" for line in text.splitlines()), code


def _set_aside(path: Path) -> str:
    """Rename a damaged result, so that the workflow makes it again.

    Only files that the workflow makes are renamed.
    """
    if Path("results").resolve() not in path.resolve().parents:
        return "it is no result of a workflow here and is left as it is"
    aside = path.with_name(f"{path.name}.damaged")
    try:
        path.replace(aside)
    except OSError as error:
        return f"it cannot be set aside: {error}"
    return f"set aside as {aside.name}; the workflow, run again, makes it again"
