"""Models: the loop around a cell, the pooling over V, the decoder."""

from __future__ import annotations

from typing import Any

from torch import nn

from fernn.flows import Size
from labrun.modules import load

__all__ = ["build", "parameters", "velocities"]


def build(spec: dict[str, Any], size: Size) -> nn.Module:
    """The model a specification names, for frames of `size` pixels.

    Args:
        spec: ``{"kind": ..., **arguments}``; the kind is a module of this package.
        size: side of a square frame, or its (rows, columns), pixels.
    """
    arguments = dict(spec)
    return load("fernn.models", arguments.pop("kind")).build(size=size, **arguments)


def velocities(model: nn.Module) -> list[tuple[int, ...]]:
    """V of a trained model, in the order of its slots; empty for one without a flow."""
    cell: Any = getattr(model, "cell", None)
    return list(cell.flow.velocities) if cell is not None else []


def parameters(model: nn.Module) -> int:
    """The number of trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
