"""Keep what a function returned until a file of the code that made it changes.

To resolve a configuration takes a second, most of it imports; the answer is the same as
long as the configuration and the code are. Beside the answer stand the size and the
time of change of each loaded module, and of its folder, in which kinds are found.
"""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from labrun.errors import UserError
from labrun.storage import write_text

KEPT = 16  # answers in a folder; the oldest go first
SETTLED = 2 * 10**9  # nanoseconds after which a change surely shows in a file's time
State = dict[str, list[int] | None]  # of files: size and time of change, or not there


def loaded() -> list[str]:
    """The files of all modules that are loaded, and their folders."""
    named = (getattr(module, "__file__", None) for module in [*sys.modules.values()])
    paths = (Path(name) for name in named if name)
    files = {path for path in paths if path.is_absolute()}  # some of torch are not
    return sorted(map(str, files | {path.parent for path in files}))


def remembered(
    folder: Path,
    given: Sequence[str],
    make: Callable[[], Any],
    code: Callable[[], Sequence[str]] = loaded,
) -> Any:
    """What `make` returns, or returned for the same with the same code.

    Args:
        folder: of the answers. One that can't be written to keeps none.
        given: all that the answer depends on, beside the code.
        make: returns what JSON can hold; what it raises is not kept.
        code: the files that `make` used, asked after it has returned.
    """
    path = folder / f"{_key(given)}.json"
    with suppress(OSError, ValueError, KeyError, TypeError):
        record = json.loads(path.read_text(encoding="utf-8"))
        if _state(record["code"]) == record["code"]:
            return record["answer"]
    begun = time.time_ns()
    answer = make()
    states = _state(code())
    if all(state is None or state[1] < begun - SETTLED for state in states.values()):
        _keep(path, {"answer": answer, "code": states})
    return answer


def _key(given: Sequence[str]) -> str:
    whole = json.dumps([sys.version, sys.executable, sys.path, *given])
    return hashlib.sha256(whole.encode()).hexdigest()


def _state(paths: Sequence[str] | State) -> State:
    found: State = {}
    for path in paths:
        try:
            seen = Path(path).stat()
        except OSError:
            found[path] = None
        else:
            found[path] = [seen.st_size, seen.st_mtime_ns]
    return found


def _keep(path: Path, record: dict[str, Any]) -> None:
    with suppress(OSError, UserError):  # a full disk, or a folder of somebody else
        write_text(json.dumps(record), path)
        answers = sorted(
            path.parent.glob("*.json"), key=lambda each: each.stat().st_mtime
        )
        for old in answers[:-KEPT]:
            old.unlink(missing_ok=True)
