"""Prints how much memory steps of a size add to a process, in MiB."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import torch

from fernn.allocator import keep_freed_memory
from fernn.bench._step import TINY, Size, evaluation, training_step

STATUS = Path("/proc/self/status")


def peak() -> float:
    """The highest resident memory of this program so far, in MiB.

    On Linux `getrusage` starts at the peak of the process that started this one.
    """
    if STATUS.exists():
        lines = STATUS.read_text().splitlines()
        high = next(line for line in lines if line.startswith("VmHWM"))
        return int(high.split()[1]) / 2**10
    unit = 1 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20


def main(spec: str) -> None:
    """Make two training steps, since Adam's moments come with the first, or evaluate.

    A tiny one before them loads what libraries load when first used, some 100 MiB.
    """
    keep_freed_memory()
    torch.set_num_threads(1)
    options = json.loads(spec)
    size = Size(**options.pop("size"))
    made = evaluation if options.pop("evaluate", False) else training_step
    made(TINY, **{**options, "max_speed": 1})()
    loaded = peak()
    step = made(size, **options)
    for _ in range(2):
        step()
    print(peak() - loaded)


if __name__ == "__main__":
    main(sys.argv[1])
