"""Which execution is the fastest: a rule, so that equal runs give equal bits.

A measurement would decide by the load of the machine, and a run that goes on elsewhere
would round differently. The thresholds are from `python benchmarks executions`.
"""

from __future__ import annotations

import functools
import sys
from typing import Literal

import torch

from fernn.flows import Flow
from fernn.flows.translation import Translation

Execution = Literal[
    "auto", "comoving", "compiled", "fused", "plain", "triton", "winograd"
]
WIDE = {"AVX512": 96}  # hidden channels from which winograd wins, by instruction set
WIDE_OTHERWISE = 48


def choose(flow: Flow, hidden: int, kernel: int) -> tuple[Execution, str]:
    """The execution for a cell, and why."""
    if not isinstance(flow, Translation):
        return "comoving", f"{type(flow).__name__} interpolates, here once a frame"
    if torch.cuda.is_available() or torch.get_default_device().type != "cpu":
        return "fused", "on an accelerator the library's convolution is the fastest"
    if kernel != 3:
        return "fused", f"a kernel of {kernel}, winograd needs 3"
    instructions = torch.backends.cpu.get_cpu_capability()
    wide = WIDE.get(instructions, WIDE_OTHERWISE)
    few = "at least" if hidden >= wide else "fewer than"
    why = f"{few} {wide} hidden channels, {instructions}"
    return "winograd" if hidden >= wide else "fused", why


@functools.cache
def tell(execution: str, why: str) -> None:
    """Say once in a process which execution was chosen, if it is to compute."""
    if torch.get_default_device().type != "meta":
        print(f"execution {execution}: {why}", file=sys.stderr, flush=True)
