"""Cost of each model relative to FERNN-V2.

Processor time of two epochs of the demo's training: rendering, steps, longer horizons
in the second half, validation. The models take turns; the ratio is the median over the
turns. `cost` of the models in config.yaml quotes these numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from fernn.bench._clock import interleaved, ratio
from fernn.bench._demo import Demo
from fernn.bench._row import Row
from fernn.bench._step import LABELS


def measure(quick: bool) -> Iterator[Row]:
    """The ratio of each smaller model to FERNN-V2."""
    demo = Demo(sequences=8, validation=8) if quick else Demo()
    runs = {LABELS[speed]: partial(demo.train, speed) for speed in LABELS}
    times = interleaved(runs, rounds=1 if quick else 3)
    *smaller, largest = runs
    for name in smaller:
        yield Row(f"{name} / {largest}", ratio(times, name, largest), "×")
