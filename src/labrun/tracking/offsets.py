"""How much of each spool has arrived, and in which database."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter

from labrun import storage
from labrun.tracking.spools import Head

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
