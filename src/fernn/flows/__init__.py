"""Flows: one-parameter groups, the velocities V a model knows, and their action."""

from __future__ import annotations

from typing import Any

from fernn.flows._base import (
    Flow,
    Frame,
    Size,
    Velocity,
    frame_of,
    pull_back,
    push_forward,
)
from fernn.flows._regular import ExpandedKernels, cached_kernels
from labrun.modules import load

__all__ = [
    "ExpandedKernels",
    "Flow",
    "Frame",
    "Size",
    "Velocity",
    "build",
    "cached_kernels",
    "frame_of",
    "pull_back",
    "push_forward",
]


def build(spec: dict[str, Any], size: Size) -> Flow:
    """The flow a specification names, on frames of `size` pixels.

    Args:
        spec: ``{"kind": ..., **arguments}``; the kind is a module of this package.
        size: side of a square frame, or its (rows, columns), pixels.
    """
    arguments = dict(spec)
    return load("fernn.flows", arguments.pop("kind")).build(size=size, **arguments)
