"""Evaluation to 70 frames.

FERNN-V2 with 28×28 frames and 32 hidden channels, batch 4, without gradients, frame by
frame; beside the plain form, in turns. Memory is that which it adds to a fresh process.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from statistics import median

from fernn.bench._clock import interleaved, ratio
from fernn.bench._row import Row
from fernn.bench._step import LARGER, TINY, evaluation
from fernn.bench.scaling import added

SPEED, FASTER, LONG = 2, 3.0, 70


def measure(quick: bool) -> Iterator[Row]:
    """Time beside the plain form; memory at a short and the long horizon."""
    short = TINY if quick else LARGER
    long = replace(short, horizon=2 * short.horizon if quick else LONG)
    forms = {form: evaluation(long, SPEED, form) for form in ("auto", "plain")}
    times = interleaved(forms, 1 if quick else 3)
    yield Row(f"{long.horizon} frames", 1e3 * median(times["auto"]), "ms")
    slower = ratio(times, "plain", "auto")
    yield Row("plain / auto", slower, "×", at_least=FASTER)
    memory = [added(size, SPEED, "auto", evaluate=True) for size in (short, long)]
    for size, used in zip((short, long), memory, strict=True):
        yield Row(f"memory, {size.horizon} frames", used, "MiB")
    more = memory[1] - memory[0]
    yield Row("memory of the longer, more", more, "MiB", at_most=5)
