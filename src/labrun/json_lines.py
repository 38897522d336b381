"""JSON that any program reads, a whole line each."""

from __future__ import annotations

import json
import math
import operator
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def plain(value: Any) -> Any:
    """What strict JSON can hold: other numbers as floats, the rest as text.

    NaN and the infinities, which JSON lacks, become "nan", "inf" and "-inf"; `float`
    reads them back.
    """
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    try:
        return operator.index(value)
    except TypeError:
        pass
    if hasattr(value, "__float__"):
        number = float(value)
        return number if math.isfinite(number) else str(number)
    return str(value)


def mend(path: Path) -> None:
    """Complete or cut a torn last line, so that the next event has a line of its own.

    A tail that is a whole event lacks only its end of line. Any other was cut short by
    a crash and is moved to a ``.torn`` file beside.
    """
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 1))
        if file.read() in (b"", b"\n"):
            return
        file.seek(0)
        text = file.read()
        tail = text[text.rfind(b"\n") + 1 :]
        try:
            whole = isinstance(json.loads(tail), dict)
        except ValueError:
            whole = False
        if whole:
            file.write(b"\n")
            return
        with path.with_name(path.name + ".torn").open("ab") as torn:
            torn.write(tail + b"\n")
        file.truncate(len(text) - len(tail))
