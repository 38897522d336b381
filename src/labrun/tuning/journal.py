"""The journal of a study: a file that many workers append to, and its repair.

Optuna's journal is a list of operations, and a trial's number is its place among those
that create one. A damaged line may have been any operation of any trial that ran then,
so all trials that were open at that line are tried again, with their hyperparameters
where these are known. Trials that ended before it, or began after it, are kept.
"""

from __future__ import annotations

import json
import sys
import zlib
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

from optuna.distributions import json_to_distribution
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock
from optuna.study import StudyDirection
from optuna.trial import TrialState

from labrun.json_lines import mend
from labrun.stopping import postponed
from labrun.storage import write_bytes

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


CHECK = "check"  # of each line, a key that Optuna passes over
CREATE_STUDY, CREATE_TRIAL, END_TRIAL = 0, 4, 6  # Optuna's codes of operations
NEEDED = {
    CREATE_STUDY: {"study_name": str, "directions": list},
    2: {"study_id": int, "user_attr": dict},
    3: {"study_id": int, "system_attr": dict},
    CREATE_TRIAL: {"study_id": int},
    5: {"trial_id": int, "param_name": str, "distribution": str},
    END_TRIAL: {"trial_id": int, "state": int},
    7: {"trial_id": int, "step": int},
    8: {"trial_id": int, "user_attr": dict},
    9: {"trial_id": int, "system_attr": dict},
}
Operation = dict[str, Any]


def checked(operation: Operation) -> Operation:
    """An operation with the checksum of its text."""
    rest = {key: value for key, value in operation.items() if key != CHECK}
    text = json.dumps(rest, separators=(",", ":"))
    return {**rest, CHECK: f"{zlib.crc32(text.encode()):08x}"}


def heal(path: Path, study: str) -> None:
    """Set damaged lines of a journal aside; the caller holds its lock.

    Args:
        path: of the journal.
        study: the name of the study in it.
    """
    lines = path.read_bytes().split(b"\n")
    if lines and not lines[-1]:
        lines.pop()
    operations = [_operation(line) for line in lines]
    damaged = [line for line, op in zip(lines, operations, strict=True) if op is None]
    if not damaged:
        return
    aside = path.with_name(f"{path.name}.damaged")
    with aside.open("ab") as file:
        file.write(b"\n".join(damaged) + b"\n")
    kept = intact(operations, study)
    text = [json.dumps(checked(op), separators=(",", ":")) for op in kept]
    write_bytes("".join(f"{line}\n" for line in text).encode(), path)
    print(
        f"{path}: {len(damaged)} damaged line(s) are set aside in {aside.name}; trials"
        " that ran when they were written are tried again",
        file=sys.stderr,
        flush=True,
    )


def intact(operations: list[Operation | None], study: str) -> list[Operation]:
    """The operations of a journal without what None, a damaged line, makes doubtful."""
    numbers = _numbers(operations)
    places = {number: place for place, number in numbers.items()}
    doubtful = _doubtful(operations, numbers)
    lost = {n for n, place in places.items() if operations[place] is None}
    renumbered = {n: i for i, n in enumerate(sorted(set(places) - lost))}
    kept: list[Operation] = []
    for op in operations:
        if op is None:
            continue
        trial = op.get("trial_id")
        if trial is not None:
            ends = op["op_code"] == END_TRIAL and _ended(op)
            if trial not in renumbered or (ends and trial in doubtful):
                continue
            op = {**op, "trial_id": renumbered[trial]}
        kept.append(op)
    if kept and not any(op["op_code"] == CREATE_STUDY for op in kept):
        directions = [StudyDirection.MINIMIZE.value]
        made: Operation = {"op_code": CREATE_STUDY, "worker_id": "healed"}
        kept.insert(0, {**made, "study_name": study, "directions": directions})
    return kept


def _operation(line: bytes) -> Operation | None:
    """What a line holds; None if it is damaged."""
    try:
        op = json.loads(line)
        needed = NEEDED[op["op_code"]]
        whole = all(type(op[key]) is kind for key, kind in needed.items())
        whole = whole and isinstance(op["worker_id"], str)
        if "distribution" in needed:
            json_to_distribution(op["distribution"])
        if "state" in op:
            TrialState(op["state"])
        for key in op:
            if key.startswith("datetime") and op[key] is not None:
                datetime.fromisoformat(op[key])
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None
    # Lines of earlier versions have no checksum.
    return op if whole and (CHECK not in op or checked(op) == op) else None


def _numbers(operations: list[Operation | None]) -> dict[int, int]:
    """The number of the trial that each place creates.

    A damaged line created one if a later operation is of a trial that no other can
    have created.
    """
    creating = {
        i for i, op in enumerate(operations) if op and op["op_code"] == CREATE_TRIAL
    }
    unknown = [i for i, op in enumerate(operations) if op is None]
    while True:
        numbers = {place: n for n, place in enumerate(sorted(creating))}
        lacking = _first_lacking(operations, numbers)
        earlier = [place for place in unknown if place < lacking]
        if not earlier:
            return numbers
        creating.add(earlier[0])
        unknown.remove(earlier[0])


def _first_lacking(operations: list[Operation | None], numbers: dict[int, int]) -> int:
    """The place of the first operation of a trial that is not created before it."""
    created = -1
    for place, op in enumerate(operations):
        created = numbers.get(place, created)
        if op is not None and op.get("trial_id", -1) > created:
            return place
    return -1


def _doubtful(operations: list[Operation | None], numbers: dict[int, int]) -> set[int]:
    """The trials that had begun and not ended where a line is damaged."""
    running: set[int] = set()
    found: set[int] = set()
    for place, op in enumerate(operations):
        if place in numbers:
            running.add(numbers[place])
        if op is None:
            found |= running
        elif op["op_code"] == END_TRIAL and _ended(op):
            running.discard(op["trial_id"])
    return found


def _ended(op: Operation) -> bool:
    return TrialState(op["state"]).is_finished()
