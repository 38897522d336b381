"""Time and memory of a training step, and which convolution computes it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median

import torch

from fernn.cells import FusedCell
from fernn.cells.flow_equivariant.winograd import WinogradCell
from fernn.flows.translation import Translation, square
from fernn_bench.meters import interleaved, ratio
from fernn_bench.report import Row
from fernn_bench.scaling import added
from fernn_bench.steps import (
    DEMO,
    FORMS,
    LABELS,
    LARGER,
    PUBLISHED,
    TINY,
    WIDE,
    Size,
    bare_convolutions,
    optimiser_step,
)

ROUNDS = {DEMO: 15, LARGER: 5, WIDE: 3, PUBLISHED: 3, TINY: 1}
FASTER = {LARGER: 2.3, WIDE: 2.6, PUBLISHED: 3.0}  # than the naive loop, for V2
SHARES = {"auto": 0.4, "segments": 0.2}  # of the naive loop's memory, for V2
SLOWER = 1.4  # with checkpoints
PROCESSES = 3  # that each memory is the median of
CLASSES = {"fused": FusedCell, "winograd": WinogradCell}
WORK = 200  # hidden channels times batch, of `executions`


def training_step(quick: bool) -> Iterator[Row]:
    """Time of a training step.

    Forward, mean squared error, backward, clipping and Adam, with the published roll-
    out, on the processor. The smallest size is the demo's (5 frames observed, 5
    predicted); the others have 10 and 10 and 4 decoder layers. `auto` is what a user
    gets; `plain` is the reference execution of the same model; the naive loop picks,
    rolls and stacks the slots one by one. All have equal weights and take turns;
    medians over the turns. `plain / auto` is how many times longer the plain one takes.
    The floor is the library's bare convolutions of the same shapes, measured in the
    same turns, without anything between them.
    """
    for size in (TINY,) if quick else (DEMO, LARGER):
        for max_speed, label in LABELS.items():
            yield from _compared(size, max_speed, f"{label}, {size}")
    for size in () if quick else (WIDE, PUBLISHED):
        yield from _compared(size, 2, f"{LABELS[2]}, {size}")


def _compared(size: Size, max_speed: int, name: str) -> Iterator[Row]:
    steps = {form: optimiser_step(size, max_speed, form) for form in FORMS}
    floor = bare_convolutions(size, max_speed)
    times = interleaved({**steps, "floor": floor}, ROUNDS[size])
    yield Row(f"{name}: step", 1e3 * median(times["auto"]), "ms")
    yield Row(f"{name}: plain / auto", ratio(times, "plain", "auto"), "×")
    target = FASTER.get(size) if max_speed == 2 else None
    slower = ratio(times, "naive", "auto")
    yield Row(f"{name}: naive / auto", slower, "×", at_least=target)
    below = 0.6 if size == PUBLISHED else None
    yield Row(f"{name}: auto / floor", ratio(times, "auto", "floor"), "×", below)


def training_memory(quick: bool) -> Iterator[Row]:
    """Peak memory of a training step.

    The highest resident memory of a fresh process that makes two steps, less that after
    imports and a tiny step, which loads what the libraries load late; freed memory is
    kept, as in jobs. Each number is the median of three processes, since the heap is
    filled otherwise in each. Sizes and forms are those of the time of a training step;
    `segments` is `auto` with checkpoints over time.
    """
    if quick:
        yield Row(f"{LABELS[1]}, {DEMO}: auto", added(DEMO, 1, "auto"), "MiB")
        return
    for size in (DEMO, LARGER):
        for max_speed, label in LABELS.items():
            used = {}
            for form in (*FORMS, "segments"):
                found = [added(size, max_speed, form) for _ in range(PROCESSES)]
                used[form] = median(found)
                yield Row(f"{label}, {size}: {form}", used[form], "MiB")
    yield from _shares(LARGER, used, f"{LABELS[2]}, {LARGER}")


def _shares(size: Size, used: dict[str, float], name: str) -> Iterator[Row]:
    """What the fast form needs of the naive loop's memory, and checkpoints of time."""
    for form, most in SHARES.items():
        share = used[form] / used["naive"]
        yield Row(f"{name}: {form} / naive", share, "×", at_most=most)
    steps = {form: optimiser_step(size, 2, form) for form in SHARES}
    longer = ratio(interleaved(steps, 5), "segments", "auto")
    yield Row(f"{name}: time, segments / auto", longer, "×", at_most=SLOWER)


def executions(quick: bool) -> Iterator[Row]:
    """Winograd beside the library's convolution.

    The shifted convolution of all slots of FERNN-V2 on 28×28 frames, and its two
    gradients, as the executions `fused` and `winograd` compute them, in turns.
    `execution: auto` takes `fused` at every width, since `winograd` rounds states
    coarsely (docs/speed.md).
    """
    instructions = torch.backends.cpu.get_cpu_capability()
    for hidden in (4,) if quick else (32, 48, 64, 96, 128):
        batch = 1 if quick else max(1, WORK // hidden)
        calls = {name: _call(name, hidden, batch) for name in CLASSES}
        slower = ratio(interleaved(calls, 1 if quick else 5), *CLASSES)
        yield Row(f"hidden {hidden}, {instructions}: fused / winograd", slower, "×")


def _call(name: str, hidden: int, batch: int) -> Callable[[], None]:
    cell = CLASSES[name](Translation(square(2), 28), hidden=hidden)
    state, gradient = torch.rand(2, batch, 25, 28, 28, hidden)
    weight = cell.conv_h.weight.detach()
    convolution = cell.convolution(state)

    def call() -> None:
        convolution.forward(state, weight)
        convolution.backward(gradient, weight)
        convolution.weight_gradient(state, gradient, weight)

    return call
