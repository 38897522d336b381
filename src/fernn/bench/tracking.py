"""Cost of tracking.

One training run of FERNN-V2 at the demo's size whose events go to a spool in every
other block of ten steps; the ratio is the median over pairs of neighbouring blocks, in
processor time. Each block with events has one, as in every training run. An event's own
time is measured apart, over many of them.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from fernn.bench._demo import Demo
from fernn.bench._row import Row
from fernn.training.listeners import STEPS_BETWEEN_POINTS, listeners
from fernn.training.loop import Listener, Record
from labrun.spool import Spool

PERCENT = 1.0  # of the time of training


def measure(quick: bool) -> Iterator[Row]:
    """Per cent that tracking adds, and microseconds of an event."""
    pairs = 2 if quick else 20
    steps = STEPS_BETWEEN_POINTS * (2 * pairs + 1)
    # All steps alike: no validation between blocks, no longer horizons.
    demo = Demo(8 * steps, epochs=1, validation=8, extend_horizon=False)
    with tempfile.TemporaryDirectory() as folder, Spool(Path(folder) / "e") as spool:
        on_epoch, on_step = listeners(spool, lambda done, detail="": None)
        event = _mean_time(on_step, 100 if quick else 5000)
        alternating = Alternating(on_step)
        demo.train(2, alternating)
        silent, told = alternating.blocks[1::2], alternating.blocks[2::2]
        added = median(b / a for a, b in zip(silent, told, strict=True)) - 1
        block = median(silent)
        yield Row(f"{STEPS_BETWEEN_POINTS} steps without tracking", 1e3 * block, "ms")
        yield Row("added by tracking", 100 * added, "%", at_most=PERCENT)
        yield Row("an event, beside those steps", 100 * event / block, "%", PERCENT)
        yield Row("an event", 1e6 * event, "µs")
        yield Row("an event of an epoch", 1e6 * _mean_time(on_epoch, 100), "µs")


class Alternating:
    """Passes the records of every other block of steps on, and times all blocks."""

    def __init__(self, listener: Listener):
        self.listener = listener
        self.blocks: list[float] = []
        self.started = time.process_time()

    def __call__(self, record: Record) -> None:
        """Take the record of a step."""
        if len(self.blocks) % 2 == 0:
            self.listener(record)
        if record["updates"] % STEPS_BETWEEN_POINTS == 0:
            now = time.process_time()
            self.blocks.append(now - self.started)
            self.started = now


def _mean_time(listener: Listener, events: int) -> float:
    """Seconds of processor time of an event, over steps that have one."""
    record = {
        "updates": STEPS_BETWEEN_POINTS,
        "micro_batch": 8,
        "train/batch_loss": 0.0123456789,
        "train_loss": 0.0123456789,
        "validation_error": 0.0123456789,
        "learning_rate": 0.001,
        "epoch": 1,
    }
    started = time.process_time()
    for _ in range(events):
        listener(record)
    return (time.process_time() - started) / events
