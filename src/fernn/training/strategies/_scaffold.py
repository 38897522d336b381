"""Layers that a strategy trains beside a model, and that the checkpoint drops.

They belong to the model while it is trained, where gradients are averaged over devices
and saved.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from labrun.random_words import derived

NAME = "scaffold"


def attach(
    model: nn.Module, name: str, seed: int, make: Callable[[], nn.Module]
) -> nn.Module:
    """Make a layer; its weights are drawn from the seed, and no others change by it."""
    if not hasattr(model, NAME):
        model.add_module(NAME, nn.ModuleDict())
    with torch.random.fork_rng():
        torch.manual_seed(derived(seed, NAME, name))
        layer = make()
    scaffold: Any = getattr(model, NAME)
    scaffold[name] = layer
    return layer


def without(weights: dict[str, Any]) -> dict[str, Any]:
    """The weights of the model itself."""
    return {k: v for k, v in weights.items() if not k.startswith(f"{NAME}.")}
