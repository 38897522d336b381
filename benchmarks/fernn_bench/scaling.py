"""Time and memory against sizes: of a step, of V, of a long evaluation."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from statistics import median

import numpy as np
import xarray as xr

from fernn_bench import meters
from fernn_bench.machine import describe
from fernn_bench.meters import interleaved, ratio
from fernn_bench.report import Row
from fernn_bench.steps import (
    GEMM,
    LARGER,
    TINY,
    Size,
    bare_convolutions,
    optimiser_step,
    prediction,
    product,
)

BASE = Size(frame=16, hidden=16, decoder_layers=1, batch=4, context=5, horizon=5)
SPEED = 2
FORMS = ("auto", "naive")
SPEEDS = (0, 1, 2, 3)  # of V, pixel/frame
ROUNDS = 3
FASTER, LONG = 3.0, 70


def scaling(quick: bool) -> Iterator[Row]:
    """Time and memory against each size.

    A training step of FERNN-V2 with 16×16 frames, 16 hidden channels, batch 4, 5 frames
    observed, 5 predicted and 1 decoder layer, and one of these at a time changed: V
    (the number of velocities), the hidden channels, the side of the frames, the frames,
    the batch. Each beside the plain form and the floor, the library's bare convolutions
    of the same shapes; all take turns. The floor and the peak of matrix products are of
    this run, so a ratio to the floor tells how far from the machine's limit a step is.
    Memory is that which the steps add to a fresh process.
    """
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
    calls = {form: optimiser_step(size, max_speed, form) for form in forms}
    times = interleaved({**calls, "floor": bare_convolutions(size, max_speed)}, rounds)
    yield Row(f"{name}: step", 1e3 * median(times["auto"]), "ms")
    yield Row(f"{name}: plain / auto", ratio(times, "plain", "auto"), "×")
    yield Row(f"{name}: auto / floor", ratio(times, "auto", "floor"), "×")
    for form in forms:
        yield Row(f"{name}: memory, {form}", added(size, max_speed, form), "MiB")


def added(
    size: Size, max_speed: int, form: str, made: Callable = optimiser_step
) -> float:
    """Mebibytes that two steps, or evaluations, add to a fresh process."""
    return meters.added(
        partial(made, TINY, 1, form), partial(made, size, max_speed, form)
    )


def velocities(quick: bool) -> Iterator[Row]:
    """Time and memory against the number of velocities.

    A training step with V a square of velocities, at the sizes of the other scalings,
    as a user gets it (`auto`) and as a loop that rolls the slots one by one (`naive`).
    Every V and form takes turns on one thread; times are of the processor, so that
    other jobs may run beside, and memory is what the steps add to a fresh process.
    `python benchmarks velocities --output velocities.nc` writes the same as a cube with
    every round, from which the figure is drawn.
    """
    found = velocities_cube(quick)
    middle = found["step_time"].median("round")
    for form, slots in itertools.product(FORMS, found["velocities"].values.tolist()):
        at = {"form": form, "velocities": slots}
        name = f"|V| {slots}: {form}"
        yield Row(f"{name}, step", float(middle.sel(at)), "ms")
        yield Row(f"{name}, memory", float(found["memory"].sel(at)), "MiB")


def velocities_cube(quick: bool) -> xr.Dataset:
    """``step_time`` (form × velocities × round), ms, ``memory`` (… × …), MiB."""
    size, speeds, rounds = (TINY, (0, 1), 2) if quick else (BASE, SPEEDS, ROUNDS)
    points = list(itertools.product(FORMS, speeds))
    steps = {f"{f} {s}": optimiser_step(size, s, f) for f, s in points}
    seconds = np.array(list(interleaved(steps, rounds).values()))
    memory = np.array([added(size, speed, form) for form, speed in points])
    shape = len(FORMS), len(speeds)
    dims = ("form", "velocities")
    times = {"units": "ms", "long_name": "processor time of a training step"}
    space = {"units": "MiB", "long_name": "memory that training steps add"}
    return xr.Dataset(
        {
            "step_time": ((*dims, "round"), 1e3 * seconds.reshape(*shape, -1), times),
            "memory": (dims, memory.reshape(shape), space),
        },
        coords={
            "form": list(FORMS),
            "velocities": [(2 * speed + 1) ** 2 for speed in speeds],
        },
        attrs={"size": str(size), "machine": json.dumps(describe())},
    )


def evaluation(quick: bool) -> Iterator[Row]:
    """Evaluation to 70 frames.

    FERNN-V2 with 28×28 frames and 32 hidden channels, batch 4, without gradients, frame
    by frame; beside the plain form, in turns. Memory is that which it adds to a fresh
    process.
    """
    short = TINY if quick else LARGER
    long = replace(short, horizon=2 * short.horizon if quick else LONG)
    forms = {form: prediction(long, SPEED, form) for form in ("auto", "plain")}
    times = interleaved(forms, 1 if quick else 3)
    yield Row(f"{long.horizon} frames", 1e3 * median(times["auto"]), "ms")
    slower = ratio(times, "plain", "auto")
    yield Row("plain / auto", slower, "×", at_least=FASTER)
    memory = [added(size, SPEED, "auto", prediction) for size in (short, long)]
    for size, used in zip((short, long), memory, strict=True):
        yield Row(f"memory, {size.horizon} frames", used, "MiB")
    more = memory[1] - memory[0]
    yield Row("memory of the longer, more", more, "MiB", at_most=5)
