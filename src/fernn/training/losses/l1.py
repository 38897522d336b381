"""The mean absolute error of predicted frames."""

from __future__ import annotations

from torch import Tensor


def loss(predicted: Tensor, truth: Tensor) -> Tensor:
    """The mean over samples, frames and pixels."""
    return (predicted - truth).abs().mean()
