"""Time and memory against the number of velocities.

A training step with V a square of velocities, at the sizes of the other scalings, as a
user gets it (`auto`) and as a loop that rolls the slots one by one (`naive`). Every V
and form takes turns; times are of the processor, memory is what the steps add to a
fresh process. `fernn bench velocities --output velocities.nc` writes the same as a cube
with every round, from which the figure is drawn.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator

import numpy as np
import xarray as xr

from fernn.bench._clock import interleaved
from fernn.bench._machine import describe
from fernn.bench._row import Row
from fernn.bench._step import TINY, training_step
from fernn.bench.scaling import BASE, added

FORMS = ("auto", "naive")
SPEEDS = (0, 1, 2, 3, 4)  # of V, pixel/frame
ROUNDS = 5


def measure(quick: bool) -> Iterator[Row]:
    """Milliseconds, the median of the rounds, and mebibytes of every form and V."""
    found = cube(quick)
    middle = found["step_time"].median("round")
    for form, slots in itertools.product(FORMS, found["velocities"].values.tolist()):
        at = {"form": form, "velocities": slots}
        name = f"|V| {slots}: {form}"
        yield Row(f"{name}, step", float(middle.sel(at)), "ms")
        yield Row(f"{name}, memory", float(found["memory"].sel(at)), "MiB")


def cube(quick: bool) -> xr.Dataset:
    """``step_time`` (form × velocities × round), ms, ``memory`` (… × …), MiB."""
    size, speeds, rounds = (TINY, (0, 1), 2) if quick else (BASE, SPEEDS, ROUNDS)
    points = list(itertools.product(FORMS, speeds))
    steps = {f"{f} {s}": training_step(size, s, f) for f, s in points}
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
