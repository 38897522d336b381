"""Weights that are worked out once for a sequence, not once for every frame."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class Expanded(nn.Module):
    """A module whose kernels are a function of fewer numbers, its `weight`.

    Inside `held` that function is computed once, with its gradient.
    """

    weight: nn.Parameter

    def __init__(self):
        super().__init__()
        self._holders = 0
        self._held: tuple[tuple, Tensor] | None = None

    def expand(self) -> Tensor:
        """The kernels."""
        raise NotImplementedError

    def kernels(self) -> Tensor:
        """The kernels, those held if there are some."""
        if not self._holders:
            return self.expand()
        weight = self.weight
        state = id(weight), weight._version, weight.dtype, weight.device
        key = *state, torch.is_grad_enabled()
        if self._held is None or self._held[0] != key:
            self._held = key, self.expand()
        return self._held[1]


@contextmanager
def held(module: nn.Module) -> Iterator[None]:
    """Within the block every part of a module expands its kernels once.

    One backward pass belongs to a block: the kernels have a single graph.
    """
    parts = [part for part in module.modules() if isinstance(part, Expanded)]
    for part in parts:
        part._holders += 1
    try:
        yield
    finally:
        for part in parts:
            part._holders -= 1
            if not part._holders:
                part._held = None
