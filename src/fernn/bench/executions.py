"""Winograd beside the library's convolution.

The shifted convolution of all slots of FERNN-V2 on 28×28 frames, and its two gradients,
as the executions `fused` and `winograd` compute them, in turns. From where the ratio
stays above 1, `execution: auto` takes `winograd`; that number of hidden channels is
written down for each instruction set, since a choice by measurement would not be the
same in every run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from fernn.bench._clock import interleaved, ratio
from fernn.bench._row import Row
from fernn.cells import FusedCell
from fernn.cells.flow_equivariant.winograd import WinogradCell
from fernn.flows.translation import Translation, square

CLASSES = {"fused": FusedCell, "winograd": WinogradCell}
WORK = 200  # hidden channels times batch


def measure(quick: bool) -> Iterator[Row]:
    """How many times longer the library's takes, for each number of channels."""
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
