"""The spools of a results folder, grouped by the run they describe."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from fernn.spool import parse
from fernn.tracking.folder import Folder


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
    run: dict


def by_key(folder: Folder) -> tuple[dict[str, list[Head]], dict[str, str]]:
    """The spools of each run by its key, sorted; and why others cannot be shown.

    A run may have several spools, such as one of its training and one of its tests.
    """
    groups: dict[str, list[Head]] = {}
    strays = {}
    for path in folder.spools():
        name = path.relative_to(folder.results).as_posix()
        try:
            with path.open("rb") as file:
                line = file.readline()
            size = path.stat().st_size
        except FileNotFoundError:  # its job begins anew
            continue
        except OSError as error:
            strays[name] = f"cannot be read: {error.strerror}"
            continue
        if not line.endswith(b"\n"):
            continue
        run = parse(line)
        if run["event"] != "run":
            strays[name] = f"does not begin with a run, but with {line[:60]!r}"
            continue
        first = hashlib.sha256(line).hexdigest()[:16]
        head = Head(path, name, first, size, run)
        groups.setdefault(run["key"], []).append(head)
    return dict(sorted(groups.items())), strays
