"""Time and memory of a training step."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from fernn_bench.meters import interleaved, ratio
from fernn_bench.report import Row
from fernn_bench.scaling import added
from fernn_bench.steps import (
    DEMO,
    FORMS,
    LABELS,
    LARGER,
    PUBLISHED,
    TINY,
    WIDE,
    Size,
    bare_convolutions,
    optimiser_step,
)

ROUNDS = {DEMO: 15, LARGER: 5, WIDE: 3, PUBLISHED: 3, TINY: 1}
FASTER = {LARGER: 2.3, WIDE: 2.6, PUBLISHED: 3.0}  # than the naive loop, for V2
SHARES = {"auto": 0.4, "segments": 0.2}  # of the naive loop's memory, for V2
SLOWER = 1.4  # with checkpoints
PROCESSES = 3  # that each memory is the median of


def training_step(quick: bool) -> Iterator[Row]:
    """Time of a training step.

    Forward, mean squared error, backward, clipping and Adam, with the published roll-
    out, on the processor. The smallest size is the demo's (5 frames observed, 5
    predicted); the others have 10 and 10 and 4 decoder layers. `auto` is what a user
    gets; `plain` is the reference execution of the same model; the naive loop picks,
    rolls and stacks the slots one by one. All have equal weights and take turns;
    medians over the turns. `plain / auto` is how many times longer the plain one takes.
    The floor is the library's bare convolutions of the same shapes, measured in the
    same turns, without anything between them.
    """
    for size in (TINY,) if quick else (DEMO, LARGER):
        for max_speed, label in LABELS.items():
            yield from _compared(size, max_speed, f"{label}, {size}")
    for size in () if quick else (WIDE, PUBLISHED):
        yield from _compared(size, 2, f"{LABELS[2]}, {size}")


def _compared(size: Size, max_speed: int, name: str) -> Iterator[Row]:
    steps = {form: optimiser_step(size, max_speed, form) for form in FORMS}
    floor = bare_convolutions(size, max_speed)
    times = interleaved({**steps, "floor": floor}, ROUNDS[size])
    yield Row(f"{name}: step", 1e3 * median(times["auto"]), "ms")
    yield Row(f"{name}: plain / auto", ratio(times, "plain", "auto"), "×")
    target = FASTER.get(size) if max_speed == 2 else None
    slower = ratio(times, "naive", "auto")
    yield Row(f"{name}: naive / auto", slower, "×", at_least=target)
    below = 0.6 if size == PUBLISHED else None
    yield Row(f"{name}: auto / floor", ratio(times, "auto", "floor"), "×", below)


def training_memory(quick: bool) -> Iterator[Row]:
    """Peak memory of a training step.

    The highest resident memory of a fresh process that makes two steps, less that after
    imports and a tiny step, which loads what the libraries load late; freed memory is
    kept, as in jobs. Each number is the median of three processes, since the heap is
    filled otherwise in each. Sizes and forms are those of the time of a training step;
    `segments` is `auto` with checkpoints over time.
    """
    if quick:
        yield Row(f"{LABELS[1]}, {DEMO}: auto", added(DEMO, 1, "auto"), "MiB")
        return
    for size in (DEMO, LARGER):
        for max_speed, label in LABELS.items():
            used = {}
            for form in (*FORMS, "segments"):
                found = [added(size, max_speed, form) for _ in range(PROCESSES)]
                used[form] = median(found)
                yield Row(f"{label}, {size}: {form}", used[form], "MiB")
    yield from _shares(LARGER, used, f"{LABELS[2]}, {LARGER}")


def _shares(size: Size, used: dict[str, float], name: str) -> Iterator[Row]:
    """What the fast form needs of the naive loop's memory, and checkpoints of time."""
    for form, most in SHARES.items():
        share = used[form] / used["naive"]
        yield Row(f"{name}: {form} / naive", share, "×", at_most=most)
    steps = {form: optimiser_step(size, 2, form) for form in SHARES}
    longer = ratio(interleaved(steps, 5), "segments", "auto")
    yield Row(f"{name}: time, segments / auto", longer, "×", at_most=SLOWER)
