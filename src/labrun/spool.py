"""A job's events as JSON lines: the record of a run, which the tracker only shows."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from labrun.json_lines import mend, plain

# The names that keys are made of: a letter, a digit or an underscore, then more.
NAME = re.compile(r"\w[\w .+=-]{0,119}")

_NO_EVENT = (ValueError, LookupError, TypeError, AttributeError)
_NO_EVENT += (OverflowError, RecursionError)  # 10^400; thousands of brackets


def read_lines(
    path: Path | str, offset: int = 0, end: int | None = None
) -> tuple[list[bytes], int]:
    """The whole lines from a byte offset on, and the offset after them.

    Reads to the end of the file, or at most to the byte `end`. A last line without its
    end is left for the next call.
    """
    with Path(path).open("rb") as file:
        file.seek(offset)
        text = file.read(-1 if end is None else end - offset)
    text = text[: text.rfind(b"\n") + 1]
    return text.split(b"\n")[:-1], offset + len(text)


def read_events(path: Path | str) -> tuple[list[dict], int]:
    """The events of a spool as its job wrote them, and the offset after them.

    Values of metrics are floats, NaN and infinities included. A whole line that is no
    event is told as the event ``unreadable`` with its ``text``, and does not hide the
    lines after it. `labrun.tracking.events` looks closer.
    """
    lines, offset = read_lines(path)
    return [_parse(line) for line in lines], offset


def _parse(line: bytes) -> dict:
    """The event in a line, or the event ``unreadable``."""
    try:
        event = json.loads(line)
        if event["event"] == "metrics":
            values = event["values"]
            event["values"] = {name: float(value) for name, value in values.items()}
        return event
    except _NO_EVENT:
        return {"event": "unreadable", "text": line.decode("utf-8", "replace")}


class Spool:
    """Appends the events of one run to a file, one write a line.

    It contacts nothing, and a number that is not finite is kept like any other.

    Args:
        path: the file, ``events.jsonl`` in the folder of the run; a link is replaced,
            as it is by every other output.
        resume: go on with an existing file; otherwise it is removed.
        sync_every: seconds between calls of `fsync`, which also happens at a status
            and on closing.
    """

    def __init__(
        self, path: Path | str, *, resume: bool = True, sync_every: float = 5.0
    ) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if not resume or self.path.is_symlink():
            self.path.unlink(missing_ok=True)
        if self.path.exists():
            mend(self.path)
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        self._file = os.open(self.path, flags, 0o666)
        self._sync_every = sync_every
        self._synced = time.monotonic()

    def run(
        self,
        *,
        key: str,
        experiment: str,
        name: str,
        parent: str | None = None,
        tags: Mapping[str, Any] | None = None,
        params: Mapping[str, Any] | None = None,
        note: str | None = None,
    ) -> None:
        """The run itself; the first event, and written again by a job that resumes.

        Args:
            key: its identity, ``{budget}/{experiment}/{model}/seed-0``.
            experiment: the experiment of the paper.
            name: what the tracker shows.
            parent: key of the sweep it belongs to.
            tags: what to search and group by.
            params: what the run was made with.
            note: Markdown shown on the page of the run.
        """
        self._append(
            "run",
            key=key,
            experiment=experiment,
            parent=parent,
            name=name,
            tags=dict(tags or {}),
            params=dict(params or {}),
            note=note,
        )

    def metrics(self, step: int, values: Mapping[str, Any]) -> None:
        """Points of curves: name to number, all at one step."""
        numbers = {name: float(value) for name, value in values.items()}
        self._append("metrics", step=int(step), values=numbers)

    def tags(self, tags: Mapping[str, Any]) -> None:
        """Tags learned during the run; the last value of a name is shown."""
        self._append("tags", tags=dict(tags))

    def artifact(self, path: Path | str, folder: str | None = None) -> None:
        """A file to show with the run.

        Args:
            path: where it is; written relative to the folder of the spool.
            folder: where to show it.
        """
        relative = os.path.relpath(path, self.path.parent)
        self._append("artifact", path=Path(relative).as_posix(), folder=folder)

    def status(self, status: str, message: str | None = None) -> None:
        """How the run ended: ``FINISHED``, ``FAILED`` or ``KILLED``, and why."""
        self._append("status", status=status, message=message)
        self._sync()

    def close(self) -> None:
        """Sync and close the file; a second call does nothing."""
        if self._file >= 0:
            self._sync()
            os.close(self._file)
            self._file = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _append(self, event: str, **fields: Any) -> None:
        entry = plain({"event": event, "time": time.time(), **fields})
        line = json.dumps(entry, ensure_ascii=False, allow_nan=False) + "\n"
        # No UTF-8 has half a pair, which a name of a file can hold.
        text = line.encode("utf-8", "replace")
        written = os.write(self._file, text)
        if written < len(text):  # a full disk takes part of a line: try the rest once
            os.write(self._file, text[written:])
        if time.monotonic() - self._synced > self._sync_every:
            self._sync()

    def _sync(self) -> None:
        os.fsync(self._file)
        self._synced = time.monotonic()
