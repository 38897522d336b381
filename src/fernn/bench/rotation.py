"""The harmonic convolution of rotations, and the co-moving frame.

`bank` convolves with the kernels of all pairs of orientations; `harmonic` is the same
on the Fourier transform over orientations. Three images of 28×28 pixels, forward and
backward, kernels at hand; memory is that which it adds to a fresh process. A sequence
of recurrent steps has four frames and V = {-10, 0, 10} degrees/frame, and its kernels
are worked out once: in the lab frame with the bank every slot is interpolated at every
step, in the co-moving one with harmonics each frame once. All take turns.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from statistics import median

from fernn.bench._clock import interleaved, ratio
from fernn.bench._commands import output
from fernn.bench._row import Row
from fernn.bench._turning import FORMS, PUBLISHED, TINY, Turning, convolution, sequence
from fernn.cells import Execution

FASTER, SMALLER, STEP_FASTER = 8.0, 0.5, 6.0
FRAMES: dict[str, tuple[Execution, str]] = {
    "lab": ("plain", "bank"),
    "co-moving": ("comoving", "harmonic"),
}


def measure(quick: bool) -> Iterator[Row]:
    """Time, memory and the steps of each size."""
    rounds = 1 if quick else 3
    for size in (TINY,) if quick else PUBLISHED:
        yield from _convolutions(size, rounds)
        yield from _sequences(size, rounds)


def _convolutions(size: Turning, rounds: int) -> Iterator[Row]:
    calls = {form: convolution(size, form) for form in FORMS}
    times = interleaved(calls, rounds)
    yield Row(f"{size}: harmonic", 1e3 * median(times["harmonic"]), "ms")
    faster = ratio(times, "bank", "harmonic")
    yield Row(f"{size}: bank / harmonic", faster, "×", at_least=FASTER)
    used = {form: _added(size, form) for form in FORMS}
    yield Row(f"{size}: memory, harmonic", used["harmonic"], "MiB")
    share = used["harmonic"] / used["bank"]
    yield Row(f"{size}: memory, harmonic / bank", share, "×", at_most=SMALLER)


def _sequences(size: Turning, rounds: int) -> Iterator[Row]:
    calls = {name: sequence(size, *how) for name, how in FRAMES.items()}
    times = interleaved(calls, rounds)
    yield Row(f"{size}: steps, co-moving", 1e3 * median(times["co-moving"]), "ms")
    faster = ratio(times, "lab", "co-moving")
    name = f"{size}: steps, lab and bank / co-moving"
    yield Row(name, faster, "×", at_least=STEP_FASTER)


def _added(size: Turning, form: str) -> float:
    """Mebibytes that convolutions add to a fresh process."""
    spec = json.dumps({**asdict(size), "form": form})
    return float(output([sys.executable, "-m", "fernn.bench._turning", spec]))
