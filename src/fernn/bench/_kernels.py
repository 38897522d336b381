"""The harmonic convolution of rotations on a GPU, by the library and by kernels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from statistics import median

import torch

from fernn.bench import _turning
from fernn.bench._card import Measured, clock, kept, memory
from fernn.bench._clock import interleaved, ratio
from fernn.bench._row import Row
from fernn.devices import allow_rounding

FORMS = ("harmonic", "triton")
IMAGES = 64
ROUNDS = 10
UNITS = {
    "harmonic, time": "ms",
    "harmonic, memory": "MiB",
    "triton, time": "ms",
    "triton, memory": "MiB",
    "harmonic / triton": "×",
}


def rows(device: torch.device, quick: bool) -> Iterator[Row]:
    """Time and memory, forward and backward, kernels at hand.

    Without a GPU there is one form alone.
    """
    sizes = [replace(size, images=IMAGES) for size in _turning.PUBLISHED]
    forms = FORMS[:1] if device.type == "cpu" else FORMS
    for size in [_turning.TINY] if quick else sizes:
        for precision in ("float32", "tf32"):
            name = f"{size}, batch {size.images}, {precision}"
            found = kept(
                device,
                name,
                quick,
                lambda size=size, precision=precision: _measured(
                    device, size, precision, forms, 1 if quick else ROUNDS
                ),
            )
            for what, number in found.items():
                yield Row(f"{name}: {what}", number, UNITS[what])


def _measured(
    device: torch.device,
    size: _turning.Turning,
    precision: str,
    forms: tuple[str, ...],
    rounds: int,
) -> Measured:
    allow_rounding(precision == "tf32")
    with torch.device(device):
        calls = {form: _turning.convolution(size, form) for form in forms}
    times = interleaved(calls, rounds, clock(device))
    found = {}
    for form in forms:
        found[f"{form}, time"] = 1e3 * median(times[form])
        found[f"{form}, memory"] = memory(device, calls[form])
    if len(forms) > 1:
        found["harmonic / triton"] = ratio(times, *forms)
    return found
