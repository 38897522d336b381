"""Leases: which process makes an output, so that two jobs never make the same one.

A killed workflow leaves jobs that continue; their successors wait for them. The holder
touches the file of its lease; one whose holder has ended, or is silent for long, is
free. Times are the file system's, so the clocks of the machines need not agree.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from labrun import processes
from labrun.errors import ContinueMe

__all__ = ["Holder", "Lease", "LeaseLost", "hold", "holder", "path_of", "require_held"]

TOUCH = 15.0  # seconds between signs of life
LOOK = 1.0  # seconds between looks at a lease that is waited for

_held: list[Lease] = []


class LeaseLost(ContinueMe):
    """This process was silent for so long that another took its place."""


class Lease:
    """The right to make one output.

    Args:
        path: of the lease's file, see `path_of`.
        command: what it is held for, shown to those who wait.
        pid: whose lease it is, if not this process's own.
    """

    def __init__(self, path: Path, command: str = "", pid: int | None = None):
        pid = pid or os.getpid()
        self.path = path
        self.about = Holder(
            place=processes.place(),
            host=socket.gethostname(),
            pid=pid,
            started=processes.started(pid),
            job=os.environ.get("SLURM_JOB_ID", ""),
            command=command,
            token=uuid.uuid4().hex,
            since=time.time(),
        )
        self._done = threading.Event()

    def take(self) -> bool:
        """Take the lease if it is free; then it is kept until `release`."""
        if not create(self.path, self.about):
            if holder(self.path) is not None:
                return False
            self._remove_dead(read(self.path))
            if not create(self.path, self.about):
                return False
        threading.Thread(target=self._keep, daemon=True).start()
        _held.append(self)
        return True

    def release(self) -> None:
        """Give it back; a lease that was lost is left to its new holder."""
        self._done.set()
        if self in _held:
            _held.remove(self)
        if self.is_ours:
            self.path.unlink(missing_ok=True)

    @property
    def is_ours(self) -> bool:
        """Whether nobody took it over."""
        found = read(self.path)
        return found is not None and found.token == self.about.token

    def _remove_dead(self, seen: Holder | None) -> None:
        """Set a dead lease aside, and put back one that was taken in between."""
        aside = self.path.with_name(f"{self.path.name}.{self.about.token}")
        try:
            self.path.rename(aside)
        except FileNotFoundError:
            return
        moved = read(aside)
        if moved is not None and (seen is None or moved.token != seen.token):
            create(self.path, moved)
        aside.unlink(missing_ok=True)

    def _keep(self) -> None:
        """Touch the file; a failure is told by its age, and found at the next write."""
        while not self._done.wait(TOUCH):
            with suppress(OSError):
                os.utime(self.path)


@contextmanager
def hold(
    output: Path, command: str, tell: Callable[[str], None] | None = None
) -> Iterator[None]:
    """Hold the lease on an output within the block, after whoever holds it now.

    Args:
        output: the file that the block makes.
        command: what makes it.
        tell: is told once who is waited for; default: standard error.
    """
    path = path_of(output)
    path.parent.mkdir(parents=True, exist_ok=True)
    lease, told = Lease(path, command), ""
    while not lease.take():
        other = holder(path)
        if other is not None and other.token != told:
            told = other.token
            line = f"{output} is being made by {other}; waiting for it"
            (tell or (lambda text: print(text, file=sys.stderr, flush=True)))(line)
        time.sleep(LOOK)
    try:
        yield
    finally:
        lease.release()


def require_held() -> None:
    """Refuse to go on if another process took over what this one holds.

    Raises:
        LeaseLost: naming the lease.
    """
    for lease in _held:
        if not lease.is_ours:
            raise LeaseLost(
                f"{lease.path}: this process showed no sign of life for more than"
                f" {EXPIRE:.0f} s and another took over ({read(lease.path)})"
            )


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
