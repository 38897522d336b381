"""How much of each spool has arrived, and in which database."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fernn import storage
from fernn.tracking.spools import Head


@dataclass
class Arrived:
    """What MLflow has acknowledged of one spool.

    Args:
        first: hash of its first line, by which a file that was replaced is noticed.
        offset: bytes that arrived.
        status: the last one told; RUNNING before.
        end: Unix milliseconds of the last event.
        files: hash of each artifact logged, by its place in the run.
    """

    first: str
    offset: int = 0
    status: str = "RUNNING"
    end: int = 0
    files: dict[str, str] = field(default_factory=dict)

    def covers(self, head: Head) -> bool:
        """Whether all of a spool has arrived, and it is still the same one."""
        return self.first == head.first and self.offset >= head.size


def load(path: Path, database: str) -> dict[str, Arrived]:
    """The offsets by spool; none if they were written for another database."""
    try:
        saved = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    if saved["database"] != database:
        return {}
    return {spool: Arrived(**entry) for spool, entry in saved["spools"].items()}


def save(path: Path, database: str, spools: dict[str, Arrived]) -> None:
    """Write the offsets, whole or not at all."""
    entries = {spool: asdict(arrived) for spool, arrived in sorted(spools.items())}
    text = json.dumps({"database": database, "spools": entries}, indent=1)
    storage.write_text(text + "\n", path)
