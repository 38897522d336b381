"""Pictures that jobs make, told when they are there."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePath

SUFFIX = ".png"


class Pictures:
    """Remembers which jobs make a picture."""

    def __init__(self) -> None:
        self._made: dict[int, list[str]] = {}

    def expect(self, job: int, outputs: Iterable[str]) -> None:
        """A job starts that makes these files; their names may have remarks behind."""
        names = [str(each).split(" (")[0] for each in outputs]
        self._made[job] = [n for n in names if PurePath(n).suffix == SUFFIX]

    def made(self, job: int) -> list[str]:
        """The pictures of a job that has ended well."""
        return self._made.pop(job, [])
