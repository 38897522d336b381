"""What cannot be shown of a spool, told by line, and not by the thousand."""

from __future__ import annotations

from collections.abc import Iterable

MOST = 10  # of one spool, told one by one in a pass


class Refusals:
    """Collects what is not shown of one spool.

    Args:
        name: of the spool.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._first: list[str] = []
        self._more = 0

    def add(self, refused: Iterable[tuple[int, str]]) -> None:
        """Add (line, why) of things that are not shown."""
        for line, why in refused:
            if len(self._first) < MOST:
                self._first.append(f"{self._name}:{line}: not shown: {why}")
            else:
                self._more += 1

    def told(self) -> list[str]:
        """One line for each, or for the number of those after the tenth."""
        if self._more:
            return [*self._first, f"{self._name}: not shown: {self._more} more"]
        return self._first
