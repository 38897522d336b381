"""Predict the frames that follow; the error is the mean square over their pixels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from fernn.videos.recipes import Sequences

ERROR = LOSS = "mse"


def batch(
    split: Sequences, first: int, count: int, context: int, ahead: int, epoch: int = 0
) -> tuple[tuple[Any, ...], Tensor]:
    """``(observed frames, ahead)``, and the frames to predict."""
    video = split.video(first, count, context + ahead, epoch)
    return (video[:, :context], ahead), video[:, context:]


def of_each(output: Tensor, targets: Sequence[Tensor]) -> list[Tensor]:
    """What each member of a stack predicts, of as many frames as its target has."""
    parts = output.chunk(len(targets), dim=2)
    return [p[:, : t.shape[1]] for p, t in zip(parts, targets, strict=True)]


def errors(predicted: Tensor, truth: Tensor) -> Tensor:
    """The mean squared error of each sequence."""
    return (predicted - truth).square().mean((1, 2, 3, 4))
