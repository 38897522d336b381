"""Time of a training step.

Forward, mean squared error, backward, clipping and Adam, with the published roll-out,
on the processor. The two sizes are the demo's (5 frames observed, 5 predicted) and a
larger one (10 and 10, 4 decoder layers). `plain` is the reference execution of the same
model; the naive loop picks, rolls and stacks the slots one by one. All three have equal
weights and take turns; medians over the turns. `plain / fused` is how many times longer
the plain one takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from fernn.bench._clock import interleaved, ratio
from fernn.bench._row import Row
from fernn.bench._step import DEMO, FORMS, LABELS, LARGER, TINY, Size, training_step

ROUNDS = {DEMO: 15, LARGER: 5, TINY: 1}


def measure(quick: bool) -> Iterator[Row]:
    """Milliseconds of the fused step, and how much longer the others take."""
    for size in (TINY,) if quick else (DEMO, LARGER):
        for max_speed, label in LABELS.items():
            yield from _compared(size, max_speed, f"{label}, {size}")


def _compared(size: Size, max_speed: int, name: str) -> Iterator[Row]:
    steps = {form: training_step(size, max_speed, form) for form in FORMS}
    times = interleaved(steps, ROUNDS[size])
    yield Row(f"{name}: step", 1e3 * median(times["fused"]), "ms")
    yield Row(f"{name}: plain / fused", ratio(times, "plain", "fused"), "×")
    yield Row(f"{name}: naive / fused", ratio(times, "naive", "fused"), "×")
