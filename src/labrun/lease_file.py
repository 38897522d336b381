"""The file of a lease: who holds it, and whether that process lives.

Times are the file system's, so the clocks of the machines need not agree.
"""

from __future__ import annotations

import json
import os
import uuid
from dataclasses import asdict, dataclass
from pathlib import Path

from labrun import processes

EXPIRE = 120.0  # seconds without a sign; network file systems show them a minute late


@dataclass(frozen=True)
class Holder:
    """Who holds a lease: a process on a machine, and its Slurm job if it is one."""

    place: str
    host: str
    pid: int
    started: str
    job: str
    command: str
    token: str
    since: float

    def __str__(self) -> str:
        job = f" (Slurm job {self.job})" if self.job else ""
        return f"{self.host} pid {self.pid}{job}"

    @property
    def is_here(self) -> bool:
        """Whether its process number means something on this machine."""
        return self.place == processes.place()


def path_of(output: Path | str) -> Path:
    """The file of an output's lease."""
    output = Path(output)
    return output.with_name(f".{output.name}.lease")


def holder(path: Path) -> Holder | None:
    """Who holds the lease with this file and lives; None if it is free."""
    found, age = read(path), _age(path)
    if age is None:
        return None
    if found is None:  # being written, or its writer died before a word
        return None if age > EXPIRE else _unknown(path)
    if found.is_here:
        return found if processes.is_alive(found.pid, found.started) else None
    return found if age <= EXPIRE else None


def create(path: Path, about: Holder) -> bool:
    """Make the file, if there is none, with one exclusive call."""
    try:
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return False
    try:
        os.write(file, json.dumps(asdict(about)).encode())
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(file)
    return True


def read(path: Path) -> Holder | None:
    """What the file tells, or None."""
    try:
        return Holder(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _age(path: Path) -> float | None:
    """Seconds since the last sign of life, by the file system's clock."""
    probe = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    try:
        probe.touch()
        return probe.stat().st_mtime - path.stat().st_mtime
    except FileNotFoundError:
        return None
    finally:
        probe.unlink(missing_ok=True)


def _unknown(path: Path) -> Holder:
    return Holder("", "?", 0, "", "", "", f"{path.stat().st_mtime_ns}", 0.0)
