"""A smooth absolute error of predicted frames."""

from __future__ import annotations

from torch import Tensor


def loss(predicted: Tensor, truth: Tensor, *, width: float = 0.01) -> Tensor:
    """The mean of ``sqrt(error² + width²)``."""
    return ((predicted - truth).square() + width**2).sqrt().mean()
