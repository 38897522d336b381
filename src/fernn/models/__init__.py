"""Models: the loop around a cell, the pooling over V, the decoder."""

from __future__ import annotations

from typing import Any

from torch import nn

from fernn.modules import load

__all__ = ["build", "parameters"]


def build(spec: dict[str, Any], size: int) -> nn.Module:
    """The model a specification names, for frames of ``size × size`` pixels.

    Args:
        spec: ``{"kind": ..., **arguments}``; the kind is a module of this package.
        size: height and width of the frame in pixels.
    """
    arguments = dict(spec)
    return load("fernn.models", arguments.pop("kind")).build(size=size, **arguments)


def parameters(model: nn.Module) -> int:
    """The number of trainable parameters."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)
