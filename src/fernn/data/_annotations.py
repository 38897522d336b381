"""Torch's types for annotations; to draw a recipe takes no torch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    Device = torch.device | str
else:
    Tensor = Device = Any  # shapes and types of elements are checked all the same
