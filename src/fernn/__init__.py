r"""Flow equivariant recurrent neural networks.

Networks whose hidden state moves with the motion in a video, after Keller, *Flow
Equivariant Recurrent Neural Networks*, NeurIPS 2025 (arXiv 2507.14793).

>>> import fernn
>>> flow = fernn.Translation(fernn.square(1), size=8)
>>> cell = fernn.FlowEquivariantCell(flow, hidden=4)
>>> model = fernn.Forecaster(cell, decoder_layers=1)

Names are imported when they are first used, so ``import fernn`` needs no torch.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from labrun import project

if TYPE_CHECKING:
    from fernn.cells import FlowEquivariantCell, FusedCell
    from fernn.data.flowing_digits import Sequences
    from fernn.flows import Flow
    from fernn.flows.translation import Translation, square
    from fernn.models._recurrent import Recurrent
    from fernn.models.forecaster import Forecaster
    from fernn.models.persistence import Persistence
    from fernn.pretrained import load
    from fernn.videos.recipes import open_sequences, synthesize

project.declare("fernn", Path(__file__).parents[1])

__all__ = [
    "Flow",
    "FlowEquivariantCell",
    "Forecaster",
    "FusedCell",
    "Persistence",
    "Recurrent",
    "Sequences",
    "Translation",
    "load",
    "open_sequences",
    "square",
    "synthesize",
]

_HOMES = {
    "Flow": "fernn.flows",
    "FlowEquivariantCell": "fernn.cells",
    "Forecaster": "fernn.models.forecaster",
    "FusedCell": "fernn.cells",
    "Persistence": "fernn.models.persistence",
    "Recurrent": "fernn.models._recurrent",
    "Sequences": "fernn.data.flowing_digits",
    "Translation": "fernn.flows.translation",
    "load": "fernn.pretrained",
    "open_sequences": "fernn.videos.recipes",
    "square": "fernn.flows.translation",
    "synthesize": "fernn.videos.recipes",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'fernn' has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(_HOMES[name]), name)
    except ModuleNotFoundError as error:
        error.add_note(f"fernn.{name} needs: pip install 'fernn[pipeline]'")
        raise


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
