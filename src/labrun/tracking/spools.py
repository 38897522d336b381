"""The spools of a results folder, grouped by the run they describe."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from labrun.tracking.events import LONGEST, Run, Unreadable, parse
from labrun.tracking.folder import Folder, Refused, file_inside


@dataclass(frozen=True)
class Head:
    """A spool and its first line.

    Args:
        path: the file.
        name: its path below the results folder.
        first: hash of the first line, by which a file that was replaced is noticed.
        size: bytes in the file.
        run: the event of the first line, which says whose spool it is.
    """

    path: Path
    name: str
    first: str
    size: int
    run: Run


def by_key(folder: Folder) -> tuple[dict[str, list[Head]], dict[str, str]]:
    """The spools of each run by its key, sorted; and why others cannot be shown.

    A run may have several spools, such as one of its training and one of its tests.
    """
    groups: dict[str, list[Head]] = {}
    strays = {}
    for path in folder.spools():
        name = path.relative_to(folder.results).as_posix()
        try:
            head = _head(path, name, folder.results)
        except Refused as refusal:
            if not os.path.lexists(path):  # its job begins anew
                continue
            strays[repr(name)[1:-1]] = str(refusal)
            continue
        if head:
            groups.setdefault(head.run.key, []).append(head)
    return dict(sorted(groups.items())), strays


def _head(path: Path, name: str, results: Path) -> Head | None:
    """The head of a spool; None while its first line is being written.

    Raises:
        Refused: it cannot be shown.
    """
    if not name.isprintable():
        raise Refused("has a name that cannot be printed")
    try:
        with file_inside(path, results).open("rb") as file:
            line = file.readline(LONGEST)
            size = file.seek(0, os.SEEK_END)
    except FileNotFoundError:  # its job begins anew
        return None
    except OSError as error:
        raise Refused(f"cannot be read: {error.strerror}") from None
    if not line.endswith(b"\n"):
        if len(line) == LONGEST:
            raise Refused(f"begins with a line longer than {LONGEST} bytes")
        return None
    run = parse(line)
    if isinstance(run, Run):
        first = hashlib.sha256(line).hexdigest()[:16]
        return Head(path, name, first, size, run)
    why = f" ({run.why})" if isinstance(run, Unreadable) else ""
    raise Refused(f"does not begin with a run, but with {line[:60]!r}{why}")
