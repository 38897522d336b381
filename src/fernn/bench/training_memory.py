"""Peak memory of a training step.

The highest resident memory of a fresh process that makes two steps, less that after
imports and a tiny step, which loads what the libraries load late. Sizes and forms are
those of the time of a training step.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict

from fernn.bench._commands import output
from fernn.bench._row import Row
from fernn.bench._step import DEMO, FORMS, LABELS, LARGER, Size


def measure(quick: bool) -> Iterator[Row]:
    """Mebibytes of every form, V and size."""
    if quick:
        yield Row(f"{LABELS[1]}, {DEMO}: fused", _peak(DEMO, 1, "fused"), "MiB")
        return
    for size in (DEMO, LARGER):
        for max_speed in LABELS:
            for form in FORMS:
                name = f"{LABELS[max_speed]}, {size}: {form}"
                yield Row(name, _peak(size, max_speed, form), "MiB")


def _peak(size: Size, max_speed: int, form: str) -> float:
    spec = {"size": asdict(size), "max_speed": max_speed, "form": form}
    return float(output([sys.executable, "-m", "fernn.bench._peak", json.dumps(spec)]))
