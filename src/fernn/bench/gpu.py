"""Training on a GPU.

A step of FERNN-V2 at the published size, in every execution and precision. Each takes
turns with the bare convolutions of the same shapes in bfloat16, so that numbers of
several sittings, which go on where the last was interrupted, compare: `form / floor` is
how many times longer a step takes than its convolutions alone could. Memory is the
highest that the step adds to what its weights need. Nothing is drawn or logged. What
`compiled` and `triton` take to compile is not in it: a first round is never counted.

Then the convolution of rotations, forward and backward, in the harmonic form of the
library and in that of `triton`, which take turns.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from statistics import median

import torch

from fernn.bench import _kernels
from fernn.bench._card import Measured, clock, kept, memory
from fernn.bench._clock import interleaved, ratio
from fernn.bench._floor import bare_convolutions, floating_operations
from fernn.bench._row import Row
from fernn.bench._step import LABELS, PUBLISHED, TINY, Size, training_step
from fernn.devices import allow_rounding
from labrun.errors import UserError

DEVICE = "cuda"
BATCH = 128
PLAIN = ("plain", "tf32")  # as Torch computes it if nobody asks for anything else
FORMS = (
    PLAIN,
    ("plain", "float32"),
    ("fused", "float32"),
    ("fused", "tf32"),
    ("fused", "bfloat16"),
    ("compiled", "tf32"),
    ("compiled", "bfloat16"),
    ("triton", "bfloat16"),
)
FOR_GPUS = ("compiled", "triton")
ROUNDS = 10
FASTER, SHARE, MEMORY = 5.0, 0.6, 1 / 3


def measure(quick: bool) -> Iterator[Row]:
    """Each form beside the floor, the best one's targets, then rotations.

    Raises:
        UserError: there is no GPU.
    """
    device, size = _device(quick), replace(PUBLISHED, batch=BATCH)
    if quick:
        size = TINY
    found = {}
    for form in FORMS:
        if form[0] in FOR_GPUS and device.type == "cpu":
            continue
        found[form] = kept(
            device,
            f"{size}, {', '.join(form)}",
            quick,
            lambda form=form: _measured(device, size, form, 1 if quick else ROUNDS),
        )
        name = f"{LABELS[2]}, {size}: {form[0]}, {form[1]}"
        yield Row(f"{name}: step", found[form]["seconds"] * 1e3, "ms")
        yield Row(f"{name}: form / floor", found[form]["slower"], "×")
        yield Row(f"{name}: memory", found[form]["memory"], "MiB")
    yield from _targets(found)
    yield from _kernels.rows(device, quick)


def _targets(found: dict[tuple[str, str], Measured]) -> Iterator[Row]:
    """Of the fastest form that memory held, beside the plain one and the floor."""
    fitted = [form for form in found if not math.isnan(found[form]["slower"])]
    if not fitted:
        return
    best = min(fitted, key=lambda form: found[form]["slower"])
    plain, fast = found[PLAIN], found[best]
    name = ", ".join(best)
    faster = plain["slower"] / fast["slower"]
    yield Row(f"plain, tf32 / {name}: time", faster, "×", at_least=FASTER)
    share = 1 / fast["slower"]
    yield Row(f"{name}: share of the floor's rate", share, "", at_least=SHARE)
    yield Row("floor: rate", fast["rate"], "TFLOP/s")
    less = fast["memory"] / plain["memory"] if plain["memory"] else 0.0
    yield Row(f"{name} / plain, tf32: memory", less, "×", at_most=MEMORY)


def _device(quick: bool) -> torch.device:
    if torch.cuda.is_available():
        return torch.device(DEVICE)
    if quick:
        return torch.device("cpu")
    raise UserError("bench gpu: this machine has no GPU that Torch can use")


def _measured(
    device: torch.device, size: Size, form: tuple[str, str], rounds: int
) -> Measured:
    execution, precision = form
    allow_rounding(precision == "tf32")
    with torch.device(device):
        step = training_step(size, 2, execution, precision)
        floor = bare_convolutions(size, 2, torch.bfloat16)
    calls = {"form": step, "floor": floor}
    try:
        times = interleaved(calls, rounds, clock(device))
    except torch.OutOfMemoryError:
        return dict.fromkeys(("seconds", "slower", "memory", "rate"), math.nan)
    rate = floating_operations(size, 2) / median(times["floor"]) / 1e12
    return {
        "seconds": median(times["form"]),
        "slower": ratio(times, "form", "floor"),
        "memory": memory(device, step),
        "rate": rate,
    }
