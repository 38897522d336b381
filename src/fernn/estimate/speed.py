"""How fast models compute: assumed, or measured here."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fernn.estimate.work import Network, Work

# 10¹² operations per second of a training step of FERNN-V2 at the published size, as
# `fused`, 32 sequences, roll-out `repeat`, on one H200: docs/results/gpu.
TFLOPS = {"float32": 55.0, "tf32": 116.0, "bfloat16": 177.0}
CALL = 5e-6  # seconds until torch has begun an operation, however small; measured
LONGEST = 0.5  # seconds of a step, beyond which the batch grows no further
FRAMES = 5  # observed and predicted, at most, in a step that is timed


@dataclass(frozen=True)
class Assumed:
    """Every model achieves the same, unless it waits for Python.

    Attributes:
        tflops: 10¹² operations per second, if the user named the number; otherwise what
            one model achieved on an H200 in the precision of the work.
    """

    tflops: float | None = None

    @property
    def factor(self) -> float:
        """How far off it may be."""
        return 3.0 if self.tflops else 5.0

    def __str__(self) -> str:
        if self.tflops:
            return f"at {self.tflops:g} TFLOP/s, as given"
        rates = ", ".join(f"{rate:g} in {name}" for name, rate in TFLOPS.items())
        return (
            f"at {rates} TFLOP/s, as FERNN-V2 achieved on an NVIDIA H200 (docs/gpu.md);"
            " --tflops and --device here know better"
        )

    def __call__(self, work: Work) -> float:
        """Seconds that a work takes."""
        from fernn.estimate.flop import count

        asked = count(work)
        tflops = self.tflops or TFLOPS[work.precision]
        seconds = max(asked.flop / (tflops * 1e12), asked.calls * CALL)
        return seconds * work.slower


class Here:
    """Training steps of each model timed on this machine, at its own sizes."""

    factor = 2.0

    def __init__(self):
        self._measured: dict[Any, float] = {}

    def __str__(self) -> str:
        from fernn.devices import device

        place = device()
        rates = [rate / 1e9 for rate in self._measured.values()]
        between = f"{min(rates):.3g} to {max(rates):.3g}" if rates else "no"
        cores = " with one thread" if place.type == "cpu" else ""
        return f"at {between} GFLOP/s, steps timed here on {place.type}{cores}"

    def __call__(self, work: Work) -> float:
        """Seconds that a work takes."""
        from fernn.estimate.flop import count

        key = work.network.without_rollout, work.batch
        if key not in self._measured:
            self._measured[key] = measure(work.network, work.batch)
        return count(work).flop / self._measured[key] * work.slower


def measure(network: Network, batch: int) -> float:
    """Operations per second of a training step, the best of a few.

    The batch doubles up to `batch` while a step takes less than half a second and fits
    the device's memory; a small batch leaves most of a GPU idle.

    Raises:
        UserError: not even one sequence fits.
    """
    import torch

    from fernn.devices import device, keep_freed_memory
    from fernn.estimate import flop
    from labrun.errors import UserError

    place, best = device(), 0.0
    keep_freed_memory()  # and one thread, as in the workflow's jobs
    torch.set_num_threads(1)
    model = flop.build(network, str(place))
    # A batch normalisation of vectors has no variance of a single one.
    vectors = any(isinstance(part, torch.nn.BatchNorm1d) for part in model.modules())
    size = min(2, batch) if vectors else 1
    while size <= batch:
        work = Work(network, size, FRAMES, FRAMES, 1, trains=True)
        try:
            seconds = _seconds(_step(model, work), place.type)
        except torch.OutOfMemoryError:
            break
        best = flop.count(work).flop / seconds
        if seconds > LONGEST or size == batch:
            break
        size = min(2 * size, batch)
    if not best:
        raise UserError(f"not one sequence fits the memory here: {network.spec}")
    return best


def _step(model: Any, work: Work) -> Callable[[], object]:
    """An optimiser step that ends when the device has done it."""
    import torch

    from fernn.estimate.flop import Blank, task_of

    split = Blank(work.network.size, str(next(model.parameters()).device))
    task, loss = task_of(work.network)
    seen, target = task.batch(split, 0, work.batch, FRAMES, FRAMES)
    optimiser = torch.optim.Adam(model.parameters(), lr=0.0)

    def step() -> float:
        optimiser.zero_grad()
        loss(model(*seen), target).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        return next(model.parameters()).sum().item()

    return step


def _seconds(step: Callable[[], object], device: str) -> float:
    """The shortest of at least two: the first also sets the device up.

    On a processor, waiting for other programs does not count.
    """
    clock = time.process_time if device == "cpu" else time.perf_counter
    spent: list[float] = []
    while len(spent) < 2 or (len(spent) < 10 and sum(spent) < LONGEST):
        started = clock()
        step()
        spent.append(clock() - started)
    return min(spent)
