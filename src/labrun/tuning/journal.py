"""The journal of a study: one file that many workers append to, and none can spoil."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

from labrun.json_lines import mend
from labrun.stopping import postponed
from labrun.tuning.healing import checked, heal

NAME = "study"  # each journal has one


class MendingLock(JournalFileOpenLock):
    """The journal's lock; its new holder sees to a last line that was cut short.

    A worker killed while it writes, or a full disk, leaves half a line. Appended to, it
    would make the whole study unreadable; it is moved to a ``.torn`` file beside.

    Optuna breaks a lock that did not change for half a minute: its holder is dead. Its
    other lock, a symbolic link, is never broken where the journal's path is relative.
    """

    def __init__(self, path: Path):
        super().__init__(str(path))
        self.path = path
        self._held = ExitStack()

    def acquire(self) -> bool:
        """Wait for the lock, then mend the journal's end.

        A signal waits for the release: raised here, it would leave the lock behind, or
        break that of another.
        """
        with ExitStack() as stack:
            stack.enter_context(postponed())
            taken = super().acquire()
            mend(self.path)
            self._held = stack.pop_all()
        return taken

    def release(self) -> None:
        """Free the journal, then let signals come."""
        with self._held:
            super().release()


class CheckedBackend(JournalFileBackend):
    """Optuna's journal file, each line with a checksum."""

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append operations."""
        super().append_logs([checked(log) for log in logs])


def storage(path: Path) -> JournalStorage:
    """The storage in a journal file, made if there is none; damaged lines are left out.

    A worker that has the journal open while another finds damage in it ends with an
    error, and its trial is tried again.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    lock = MendingLock(path)
    lock.acquire()
    try:
        heal(path, NAME)
    finally:
        lock.release()
    return JournalStorage(CheckedBackend(str(path), lock_obj=lock))
