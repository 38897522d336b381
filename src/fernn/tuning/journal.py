"""The journal of a study: one file that many workers append to, and none can spoil."""

from __future__ import annotations

from pathlib import Path

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

from fernn.spool import mend


class MendingLock(JournalFileSymlinkLock):
    """The journal's lock; its new holder sees to a last line that was cut short.

    A worker killed while it writes, or a full disk, leaves half a line. Appended to, it
    would make the whole study unreadable; it is moved to a ``.torn`` file beside.
    """

    def __init__(self, path: Path):
        super().__init__(str(path))
        self.path = path

    def acquire(self) -> bool:
        """Wait for the lock, then mend the journal's end."""
        taken = super().acquire()
        mend(self.path)
        return taken


def storage(path: Path) -> JournalStorage:
    """The storage in a journal file, made if there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return JournalStorage(JournalFileBackend(str(path), lock_obj=MendingLock(path)))
