"""What a syncer remembers of each spool: points seen, bytes sent, refusals."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from labrun import storage
from labrun.tracking.events import stretches
from labrun.tracking.fold import Fold
from labrun.tracking.spools import Head


class Memory:
    """Folds by run, each good for exact positions in the spools of the run."""

    def __init__(self) -> None:
        self._folds: dict[str, tuple[dict[Path, int], Fold]] = {}

    def take(self, key: str, positions: dict[Path, int]) -> Fold:
        """The fold of a run up to these byte offsets, by path; no longer kept here.

        If another process has sent points since, or this one has just begun, it is
        made again from the spools.
        """
        known, fold = self._folds.pop(key, ({}, Fold()))
        if known == positions:
            return fold
        fold = Fold()
        for path, offset in positions.items():
            for events, _ in stretches(path, 0, offset):
                fold.add(events)
        return fold

    def put(self, key: str, fold: Fold, positions: dict[Path, int]) -> None:
        """Keep a fold whose points have all arrived."""
        self._folds[key] = positions, fold


Count = Annotated[int, Field(ge=0)]


@dataclass
class Arrived:
    """What MLflow has acknowledged of one spool.

    Args:
        first: hash of its first line, by which a file that was replaced is noticed.
        offset: bytes that arrived.
        lines: in these bytes.
        status: the last one told; RUNNING before.
        end: Unix milliseconds of the last event.
        files: hash of each artifact logged, by its place in the run.
    """

    first: str
    offset: Count = 0
    lines: Count = 0
    status: str = "RUNNING"
    end: Count = 0
    files: dict[str, str] = field(default_factory=dict)

    def covers(self, head: Head) -> bool:
        """Whether all of a spool has arrived, and it is still the same one."""
        return self.first == head.first and self.offset >= head.size


@dataclass
class _Saved:
    database: str
    spools: dict[str, Arrived]


_SAVED = TypeAdapter(_Saved)


def load(path: Path, database: str) -> dict[str, Arrived]:
    """The offsets by spool; none if they were written for another database.

    None too if the file is missing or is not what `save` writes: all is sent again,
    which changes nothing.
    """
    try:
        saved = _SAVED.validate_json(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return saved.spools if saved.database == database else {}


def save(path: Path, database: str, spools: dict[str, Arrived]) -> None:
    """Write the offsets, whole or not at all."""
    entries = {spool: asdict(arrived) for spool, arrived in sorted(spools.items())}
    text = json.dumps({"database": database, "spools": entries}, indent=1)
    storage.write_text(text + "\n", path)


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
