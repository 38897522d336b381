"""Time and memory of one card, in one sitting or several."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from labrun.lineage import commit
from labrun.storage import write_text

KEPT = Path("results/bench/gpu.json")  # what earlier sittings measured
Measured = dict[str, float]


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


def clock(device: torch.device) -> Callable[[], float]:
    """Seconds, when all that the device was given is done."""
    module = torch.get_device_module(device)

    def now() -> float:
        module.synchronize()
        return time.perf_counter()

    return now


def memory(device: torch.device, call: Callable[[], None]) -> float:
    """Mebibytes that a call adds; none that anybody counts on a processor."""
    module = torch.get_device_module(device)
    if not hasattr(module, "max_memory_allocated"):
        return 0.0
    module.reset_peak_memory_stats()
    before = module.memory_allocated()
    call()
    return (module.max_memory_allocated() - before) / 2**20
