"""Which project runs its training with this package: declared once, at its import."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

NAME = re.compile(r"[a-z][a-z0-9]{0,15}")


@dataclass(frozen=True)
class Project:
    """A project.

    Attributes:
        name: that of its command and its distribution; tags in the tracker, names of
            Slurm jobs and seals of files begin with it.
        sources: the folder whose commit, and whose changes since, results depend on.
    """

    name: str
    sources: Path


_declared: list[Project] = []


def declare(name: str, sources: Path | str) -> None:
    """Say which project this process belongs to; again is fine, another is refused.

    Args:
        name: up to 16 small letters and digits.
        sources: the folder of its source files.

    Raises:
        ValueError: the name has another form, or another project is declared.
    """
    if not NAME.fullmatch(name):
        raise ValueError(f"a project's name is {NAME.pattern}; got {name!r}")
    found = Project(name, Path(sources))
    if _declared and _declared[0] != found:
        raise ValueError(f"{_declared[0]} is declared, and cannot become {found}")
    _declared[:] = [found]


def project() -> Project:
    """The project of this process.

    Raises:
        RuntimeError: none is declared; what it writes would be found by none.
    """
    if not _declared:
        raise RuntimeError(
            "no project is declared; call labrun.project.declare(name, sources) first"
        )
    return _declared[0]
