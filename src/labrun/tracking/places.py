"""Where the tracker reads and writes: below the results folder and nowhere else."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

# What is wrong with one file, while others can be read and written.
OWN = {
    errno.EACCES,
    errno.EPERM,
    errno.EEXIST,
    errno.EISDIR,
    errno.ELOOP,
    errno.ENAMETOOLONG,
    errno.ENOENT,
    errno.ENOTDIR,
    errno.ENXIO,
}


class Refused(Exception):
    """A file is not read, or not written; the message says why on one line."""


def inside(path: Path, root: Path) -> Path:
    """A path without links, which need not exist.

    Raises:
        Refused: it, or a link on the way, leads out of the folder `root`.
    """
    try:
        found, root = path.resolve(), root.resolve()
    except (OSError, RuntimeError, ValueError) as error:  # too long, a loop, a NUL
        raise Refused(f"{str(path)!r} is no path: {error}") from None
    if root not in found.parents:
        raise Refused(f"{str(path)!r} is outside {str(root)!r}")
    return found


def file_inside(path: Path, root: Path) -> Path:
    """An ordinary file below a folder, without links.

    Raises:
        Refused: it is elsewhere, missing, or no ordinary file.
    """
    found = inside(path, root)
    with own_faults(path):
        if not found.is_file():
            known = found.exists()
            raise Refused(f"{'not a' if known else 'no'} file {str(path)!r}")
    return found


@contextmanager
def own_faults(path: Path) -> Iterator[None]:
    """Tell what is wrong with one file as `Refused`; a full disk stays an OSError."""
    try:
        yield
    except OSError as error:
        if error.errno not in OWN:
            raise
        raise Refused(f"{str(path)!r}: {error.strerror}") from None


def as_folder(name: str) -> str:
    """A name as that of one folder."""
    return re.sub(r"[^\w().+=-]", "-", name).lstrip(".") or "-"
