"""One device or several, by Lightning Fabric.

Fabric imports torchmetrics to learn its version, which takes longer than to import
torch, and asks for it in what is not used here; so it finds none.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fernn.devices import allow_rounding
from fernn.training.settings import PRECISIONS, Precision


@contextmanager
def _not_found(name: str) -> Iterator[None]:
    """Within the block a module that is not imported yet cannot be."""
    modules: dict[str, Any] = sys.modules
    absent = modules.setdefault(name, None) is None
    try:
        yield
    finally:
        if absent:
            del modules[name]


with _not_found("torchmetrics"):
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment

    from fernn.training.meeting import OneMachine, meeting


def make_fabric(devices: int = 1, precision: Precision = "float32") -> Fabric:
    """Processes on this node alone, whatever the cluster offers."""
    allow_rounding(precision == "tf32")
    strategy = "auto"
    if devices > 1:
        meeting()  # named before the other processes are started
        strategy = OneMachine()
    fabric = Fabric(
        devices=devices,
        strategy=strategy,
        precision=PRECISIONS[precision],
        plugins=LightningEnvironment(),
    )
    fabric.launch()
    return fabric
