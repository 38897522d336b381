"""Training and rotations on a GPU, in one sitting or several."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import torch

from fernn.devices import allow_rounding
from fernn_bench.meters import clock, interleaved, memory, ratio
from fernn_bench.report import Row
from fernn_bench.rotation import PUBLISHED as ROTATIONS
from fernn_bench.rotation import TINY as TINY_ROTATION
from fernn_bench.rotation import Turning, convolution
from fernn_bench.steps import (
    LABELS,
    PUBLISHED,
    TINY,
    Size,
    bare_convolutions,
    floating_operations,
    optimiser_step,
)
from labrun.errors import UserError
from labrun.lineage import commit
from labrun.storage import write_text

KEPT = Path("results/bench/gpu.json")  # what earlier sittings measured
BATCH = 128
PLAIN = ("plain", "tf32")  # as Torch computes it if nobody asks for anything else
FORMS = (
    PLAIN,
    ("plain", "float32"),
    ("fused", "float32"),
    ("fused", "tf32"),
    ("fused", "bfloat16"),
    ("triton", "bfloat16"),
)
FOR_GPUS = ("triton",)
ROUNDS = 10
FASTER, SHARE, MEMORY = 5.0, 0.6, 1 / 3
ROTATION_FORMS = ("harmonic", "triton")
IMAGES = 64
UNITS = {
    "harmonic, time": "ms",
    "harmonic, memory": "MiB",
    "triton, time": "ms",
    "triton, memory": "MiB",
    "harmonic / triton": "×",
}
Measured = dict[str, float]


def gpu(quick: bool) -> Iterator[Row]:
    """Training on a GPU.

    A step of FERNN-V2 at the published size, in every execution and precision. Each
    takes turns with the bare convolutions of the same shapes in bfloat16, so that
    numbers of several sittings, which go on where the last was interrupted, compare:
    `form / floor` is how many times longer a step takes than its convolutions alone
    could. Memory is the highest that the step adds to what its weights need. Nothing is
    drawn or logged. What `triton` takes to compile is not in it: a first round is never
    counted.

    Then the convolution of rotations, forward and backward, in the harmonic form of the
    library and in that of `triton`, which take turns.
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
    yield from rotation_rows(device, quick)


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
        return torch.device("cuda")
    if quick:
        return torch.device("cpu")
    raise UserError("gpu: this machine has no GPU that Torch can use")


def _measured(
    device: torch.device, size: Size, form: tuple[str, str], rounds: int
) -> Measured:
    execution, precision = form
    allow_rounding(precision == "tf32")
    with torch.device(device):
        step = optimiser_step(size, 2, execution, precision)
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


def rotation_rows(device: torch.device, quick: bool) -> Iterator[Row]:
    """Time and memory, forward and backward, kernels at hand.

    Without a GPU there is one form alone.
    """
    sizes = [replace(size, images=IMAGES) for size in ROTATIONS]
    forms = ROTATION_FORMS[:1] if device.type == "cpu" else ROTATION_FORMS
    for size in [TINY_ROTATION] if quick else sizes:
        for precision in ("float32", "tf32"):
            name = f"{size}, batch {size.images}, {precision}"
            found = kept(
                device,
                name,
                quick,
                lambda size=size, precision=precision: _measured_rotation(
                    device, size, precision, forms, 1 if quick else ROUNDS
                ),
            )
            for what, number in found.items():
                yield Row(f"{name}: {what}", number, UNITS[what])


def _measured_rotation(
    device: torch.device,
    size: Turning,
    precision: str,
    forms: tuple[str, ...],
    rounds: int,
) -> Measured:
    allow_rounding(precision == "tf32")
    with torch.device(device):
        calls = {form: convolution(size, form) for form in forms}
    times = interleaved(calls, rounds, clock(device))
    found = {}
    for form in forms:
        found[f"{form}, time"] = 1e3 * median(times[form])
        found[f"{form}, memory"] = memory(device, calls[form])
    if len(forms) > 1:
        found["harmonic / triton"] = ratio(times, *forms)
    return found


def kept(
    device: torch.device, what: str, quick: bool, measure: Callable[[], Measured]
) -> Measured:
    """A measurement, from an earlier sitting if it was of the same card and code.

    Args:
        device: the card.
        what: is measured, in a name that tells it from all others.
        quick: whether nothing is kept.
        measure: does it.
    """
    if quick:
        return measure()
    card = torch.cuda.get_device_name(device)
    key = f"{card}, torch {torch.__version__}, {commit()}, {what}"
    known: dict[str, Any] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    if key not in known:
        known[key] = measure()
        write_text(json.dumps(known, indent=1), KEPT)
    return known[key]
