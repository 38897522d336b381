"""Training as the demo does it: what each model costs, and what tracking adds."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import torch
from torch import nn

from fernn.data.flowing_digits import Sequences, synthesize
from fernn.data.sources import handwritten
from fernn.models.forecaster import build
from fernn.training.listeners import STEPS_BETWEEN_POINTS, listeners
from fernn.training.loop import Listener, Record, train
from fernn.training.settings import Settings
from fernn_bench.meters import interleaved, ratio
from fernn_bench.report import Row
from fernn_bench.steps import DEMO, LABELS
from labrun.spool import Spool

LONG_HORIZON = 20
PERCENT = 1.0  # of the time of training, at most for tracking


@dataclass
class Demo:
    """Data of a training run that can be repeated with any model.

    Args:
        sequences: in an epoch.
        epochs: how many.
        validation: sequences.
        extend_horizon: in the second half, as the demo's protocol does.
    """

    sequences: int = 400
    epochs: int = 2
    validation: int = 64
    extend_horizon: bool = True

    def __post_init__(self):
        self.atlas = handwritten.fetch()
        self.settings = Settings(
            batch=DEMO.batch,
            sequences=self.sequences,
            epochs=self.epochs,
            context=DEMO.context,
            horizon=DEMO.horizon,
            long_horizon=LONG_HORIZON,
            extend_horizon=self.extend_horizon,
            schedule="one_cycle",
        )

    def split(self, pool: str, sequences: int) -> Sequences:
        """Sequences drawn from the train or the val digits."""
        recipe = synthesize(
            self.atlas,
            split=pool,
            pool=pool,
            draw="sampled",
            seed=0,
            sequences=sequences,
            frames=DEMO.context + LONG_HORIZON,
            frame_size=DEMO.frame,
            digits=1,
            max_speed=2,
        )
        return Sequences(recipe, self.atlas)

    def splits(self) -> tuple[Sequences, Sequences]:
        """Those that are trained on and validated with."""
        return self.split("train", self.sequences), self.split("val", self.validation)

    def model(self, max_speed: int) -> nn.Module:
        """A fresh forecaster with V a square."""
        torch.manual_seed(0)
        return build(
            DEMO.frame,
            flow={"kind": "translation", "max_speed": max_speed},
            hidden=DEMO.hidden,
            decoder_layers=DEMO.decoder_layers,
            rollout="free",
        )

    def train(self, max_speed: int, on_step: Listener = lambda record: None) -> None:
        """Train a fresh model to the end of the last epoch."""
        training, validation = self.splits()
        model = self.model(max_speed)
        train(model, training, validation, self.settings, on_step=on_step)


def model_cost(quick: bool) -> Iterator[Row]:
    """Cost of each model relative to FERNN-V2.

    Processor time of two epochs of the demo's training: rendering, steps, longer
    horizons in the second half, validation. The models take turns; the ratio is the
    median over the turns. `cost` of the models in config.yaml quotes these numbers.
    """
    demo = Demo(sequences=8, validation=8) if quick else Demo()
    runs = {LABELS[speed]: partial(demo.train, speed) for speed in LABELS}
    times = interleaved(runs, rounds=1 if quick else 3)
    *smaller, largest = runs
    for name in smaller:
        yield Row(f"{name} / {largest}", ratio(times, name, largest), "×")


def tracking(quick: bool) -> Iterator[Row]:
    """Cost of tracking.

    One training run of FERNN-V2 at the demo's size whose events go to a spool in every
    other block of ten steps; the ratio is the median over pairs of neighbouring blocks,
    in processor time. Each block with events has one, as in every training run. An
    event's own time is measured apart, over many of them.
    """
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
