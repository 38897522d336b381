"""Time of a training step.

Forward, mean squared error, backward, clipping and Adam, with the published roll-out,
on the processor. The smallest size is the demo's (5 frames observed, 5 predicted); the
others have 10 and 10 and 4 decoder layers. `auto` is what a user gets; `plain` is the
reference execution of the same model; the naive loop picks, rolls and stacks the slots
one by one. All have equal weights and take turns; medians over the turns. `plain /
auto` is how many times longer the plain one takes. The floor is the library's bare
convolutions of the same shapes, measured in the same turns, without anything between
them.
"""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from fernn.bench._clock import interleaved, ratio
from fernn.bench._floor import bare_convolutions
from fernn.bench._row import Row
from fernn.bench._step import (
    DEMO,
    FORMS,
    LABELS,
    LARGER,
    PUBLISHED,
    TINY,
    WIDE,
    Size,
    training_step,
)

ROUNDS = {DEMO: 15, LARGER: 5, WIDE: 3, PUBLISHED: 3, TINY: 1}
FASTER = {LARGER: 2.3, WIDE: 2.6, PUBLISHED: 3.0}  # than the naive loop, for V2


def measure(quick: bool) -> Iterator[Row]:
    """Milliseconds of a step, and how much longer the others take."""
    for size in (TINY,) if quick else (DEMO, LARGER):
        for max_speed, label in LABELS.items():
            yield from _compared(size, max_speed, f"{label}, {size}")
    for size in () if quick else (WIDE, PUBLISHED):
        yield from _compared(size, 2, f"{LABELS[2]}, {size}")


def _compared(size: Size, max_speed: int, name: str) -> Iterator[Row]:
    steps = {form: training_step(size, max_speed, form) for form in FORMS}
    floor = bare_convolutions(size, max_speed)
    times = interleaved({**steps, "floor": floor}, ROUNDS[size])
    yield Row(f"{name}: step", 1e3 * median(times["auto"]), "ms")
    yield Row(f"{name}: plain / auto", ratio(times, "plain", "auto"), "×")
    target = FASTER.get(size) if max_speed == 2 else None
    slower = ratio(times, "naive", "auto")
    yield Row(f"{name}: naive / auto", slower, "×", at_least=target)
    below = 0.6 if size == PUBLISHED else None
    yield Row(f"{name}: auto / floor", ratio(times, "auto", "floor"), "×", below)
