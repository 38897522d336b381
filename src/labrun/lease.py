"""Leases: who makes an output now, so that two jobs never make the same one.

A killed workflow leaves jobs behind that go on; their successors wait for them. The
holder touches its lease; one whose holder is gone, or silent for long, is free.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from labrun import lease_file, processes
from labrun.errors import ContinueMe
from labrun.lease_file import EXPIRE, Holder, holder, path_of

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
        if not lease_file.create(self.path, self.about):
            if holder(self.path) is not None:
                return False
            self._remove_dead(lease_file.read(self.path))
            if not lease_file.create(self.path, self.about):
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
        found = lease_file.read(self.path)
        return found is not None and found.token == self.about.token

    def _remove_dead(self, seen: Holder | None) -> None:
        """Set a dead lease aside, and put back one that was taken in between."""
        aside = self.path.with_name(f"{self.path.name}.{self.about.token}")
        try:
            self.path.rename(aside)
        except FileNotFoundError:
            return
        moved = lease_file.read(aside)
        if moved is not None and (seen is None or moved.token != seen.token):
            lease_file.create(self.path, moved)
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
                f" {EXPIRE:.0f} s and another took over ({lease_file.read(lease.path)})"
            )
