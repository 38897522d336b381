"""Time and memory against each size.

A training step of FERNN-V2 with 16×16 frames, 16 hidden channels, batch 4, 5 frames
observed, 5 predicted and 1 decoder layer, and one of these at a time changed: V (the
number of velocities), the hidden channels, the side of the frames, the frames, the
batch. Each beside the plain form and the floor, the library's bare convolutions of the
same shapes; all take turns. The floor and the peak of matrix products are of this run,
so a ratio to the floor tells how far from the machine's limit a step is. Memory is that
which the steps add to a fresh process.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from statistics import median

from fernn.bench._clock import interleaved, ratio
from fernn.bench._commands import output
from fernn.bench._floor import GEMM, bare_convolutions, product
from fernn.bench._row import Row
from fernn.bench._step import TINY, Size, training_step

BASE = Size(frame=16, hidden=16, decoder_layers=1, batch=4, context=5, horizon=5)
SPEED = 2


def measure(quick: bool) -> Iterator[Row]:
    """The peak of matrix products, then five rows a point."""
    seconds = median(interleaved({"product": product()}, 1 if quick else 9)["product"])
    yield Row(f"matrix product of {GEMM}: rate", 2e-9 * GEMM**3 / seconds, "GFLOP/s")
    for name, size, max_speed in [("tiny", TINY, 1)] if quick else points():
        yield from _point(name, size, max_speed, rounds=1 if quick else 5)


def points() -> Iterator[tuple[str, Size, int]]:
    """The name of each point, its sizes and the speed of its V."""
    for speed in (0, 1, 2, 3, 4):
        yield f"|V| {(2 * speed + 1) ** 2}", BASE, speed
    for hidden in (8, 32, 64, 128):
        yield f"hidden {hidden}", replace(BASE, hidden=hidden), SPEED
    for frame in (8, 28, 40):
        yield f"frame {frame}×{frame}", replace(BASE, frame=frame), SPEED
    for horizon in (15, 35):
        yield f"frames {5 + horizon}", replace(BASE, horizon=horizon), SPEED
    for batch in (1, 16):
        yield f"batch {batch}", replace(BASE, batch=batch), SPEED


def _point(name: str, size: Size, max_speed: int, rounds: int) -> Iterator[Row]:
    forms = ("auto", "plain")
    calls = {form: training_step(size, max_speed, form) for form in forms}
    times = interleaved({**calls, "floor": bare_convolutions(size, max_speed)}, rounds)
    yield Row(f"{name}: step", 1e3 * median(times["auto"]), "ms")
    yield Row(f"{name}: plain / auto", ratio(times, "plain", "auto"), "×")
    yield Row(f"{name}: auto / floor", ratio(times, "auto", "floor"), "×")
    for form in forms:
        yield Row(f"{name}: memory, {form}", added(size, max_speed, form), "MiB")


def added(size: Size, max_speed: int, form: str, evaluate: bool = False) -> float:
    """Mebibytes that two steps, or evaluations, add to a fresh process."""
    spec = {"max_speed": max_speed, "form": form, "evaluate": evaluate}
    spec = json.dumps({"size": asdict(size), **spec})
    return float(output([sys.executable, "-m", "fernn.bench._peak", spec]))
