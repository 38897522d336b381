"""Predict the frames that follow, of an agent whose steps are known, future ones too.

The error is that of `forecast`.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from fernn.training.tasks.forecast import ERROR, LOSS, errors, of_each
from fernn.videos.recipes import Acted

__all__ = ["ERROR", "LOSS", "batch", "errors", "of_each"]


def batch(
    split: Acted, first: int, count: int, context: int, ahead: int, epoch: int = 0
) -> tuple[tuple[Any, ...], Tensor]:
    """``(observed frames, ahead, actions)``, and the frames to predict.

    Actions are those between all frames, the first of which is observed and the last
    predicted.
    """
    frames = context + ahead
    video = split.video(first, count, frames, epoch)
    actions = split.actions(first, count, frames, epoch)
    return (video[:, :context], ahead, actions), video[:, context:]
