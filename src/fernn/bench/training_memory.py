"""Peak memory of a training step.

The highest resident memory of a fresh process that makes two steps, less that after
importing; the libraries' own working memory is part of it. Sizes and forms are those of
the time of a training step.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict

from fernn.bench._commands import output
from fernn.bench._row import Row
from fernn.bench._step import DEMO, FORMS, LABELS, LARGER, TINY, Size


def measure(quick: bool) -> Iterator[Row]:
    """Mebibytes of every form, V and size."""
    sizes, speeds = ((TINY,), [1]) if quick else ((DEMO, LARGER), list(LABELS))
    for size in sizes:
        for max_speed in speeds:
            for form in FORMS:
                name = f"{LABELS[max_speed]}, {size}: {form}"
                yield Row(name, _peak(size, max_speed, form), "MiB")


def _peak(size: Size, max_speed: int, form: str) -> float:
    spec = {"size": asdict(size), "max_speed": max_speed, "form": form}
    return float(output([sys.executable, "-m", "fernn.bench._peak", json.dumps(spec)]))
