"""Where models run, in pieces of what size, and whether freed memory is kept.

A training step allocates and frees the same tensors over and over. The C library hands
large ones back to the system, which fills every page with zeros when it is asked for
again: 7 to 25 % of a step's time on a processor. With freed memory kept, the highest
use grows by a few percent, since the heap seldom reuses aligned memory as it was.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from typing import TypeVar

import torch

Result = TypeVar("Result")


def device() -> torch.device:
    """This process's accelerator, or the processor."""
    if torch.cuda.is_available():
        return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    return torch.device("cpu")


def allow_rounding(allowed: bool) -> None:
    """Whether a GPU may round factors to TF32; by default Torch lets some."""
    torch.backends.cuda.matmul.allow_tf32 = allowed
    torch.backends.cudnn.allow_tf32 = allowed


def within_memory(
    largest: int, work: Callable[[int], Result], what: str
) -> tuple[Result, int]:
    """Work in pieces, halved each time that the device's memory does not hold them.

    Args:
        largest: the size to begin with.
        work: gets the size; called again, it begins anew.
        what: is told on standard error when the size changes.

    Returns:
        What the work returns, and the size that fitted.

    Raises:
        torch.OutOfMemoryError: not even pieces of one fit.
    """
    size = largest
    while True:
        try:
            return work(size), size
        except torch.OutOfMemoryError:
            if size == 1:
                raise
        # Outside of `except`, whose traceback would hold the tensors.
        size = (size + 1) // 2
        torch.cuda.empty_cache()
        line = f"out of device memory: {what} in pieces of {size} from now on"
        print(line, file=sys.stderr, flush=True)


TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # options of glibc's mallopt
# Bytes that still come from its own heap; older versions take no more than the second.
LARGEST = 2**30, 2**25
NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Keep it, where the C library is glibc.

    Returns:
        Whether it does from now on.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    kept = any(mallopt(MMAP_THRESHOLD, size) for size in LARGEST)
    return bool(mallopt(TRIM_THRESHOLD, NEVER)) and kept
