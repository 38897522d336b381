"""Flows: one-parameter groups, the velocities V a model knows, and their action."""

from __future__ import annotations

from typing import Any

from fernn.flows._base import Flow, Velocity
from fernn.flows._expansion import held
from fernn.flows._frame import Frame, Size
from labrun.modules import load

__all__ = ["Flow", "Frame", "Size", "Velocity", "build", "held"]


def build(spec: dict[str, Any], size: Size) -> Flow:
    """The flow a specification names, on frames of `size` pixels.

    Args:
        spec: ``{"kind": ..., **arguments}``; the kind is a module of this package.
        size: side of a square frame, or its (rows, columns), pixels.
    """
    arguments = dict(spec)
    return load("fernn.flows", arguments.pop("kind")).build(size=size, **arguments)
