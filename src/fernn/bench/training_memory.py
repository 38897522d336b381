"""Peak memory of a training step.

The highest resident memory of a fresh process that makes two steps, less that after
imports and a tiny step, which loads what the libraries load late. Sizes and forms are
those of the time of a training step; `segments` is `auto` with checkpoints over time.
"""

from __future__ import annotations

from collections.abc import Iterator

from fernn.bench._clock import interleaved, ratio
from fernn.bench._row import Row
from fernn.bench._step import DEMO, FORMS, LABELS, LARGER, Size, training_step
from fernn.bench.scaling import added

SHARES = {"auto": 0.4, "segments": 0.2}  # of the naive loop's, for V2
SLOWER = 1.4  # with checkpoints


def measure(quick: bool) -> Iterator[Row]:
    """Mebibytes of every form, V and size."""
    if quick:
        yield Row(f"{LABELS[1]}, {DEMO}: auto", added(DEMO, 1, "auto"), "MiB")
        return
    for size in (DEMO, LARGER):
        for max_speed, label in LABELS.items():
            used = {}
            for form in (*FORMS, "segments"):
                used[form] = added(size, max_speed, form)
                yield Row(f"{label}, {size}: {form}", used[form], "MiB")
    yield from _shares(LARGER, used, f"{LABELS[2]}, {LARGER}")


def _shares(size: Size, used: dict[str, float], name: str) -> Iterator[Row]:
    """What the fast form needs of the naive loop's memory, and checkpoints of time."""
    for form, most in SHARES.items():
        share = used[form] / used["naive"]
        yield Row(f"{name}: {form} / naive", share, "×", at_most=most)
    steps = {form: training_step(size, 2, form) for form in SHARES}
    longer = ratio(interleaved(steps, 5), "segments", "auto")
    yield Row(f"{name}: time, segments / auto", longer, "×", at_most=SLOWER)
