"""Name what a sequence shows; the error is the cross-entropy, in nats.

By default it decides between epochs, too: on a few hundred validation clips many epochs
share one accuracy.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from fernn.videos.recipes import Labelled

ERROR = LOSS = "cross_entropy"


def batch(
    split: Labelled, first: int, count: int, context: int, ahead: int, epoch: int = 0
) -> tuple[tuple[Any, ...], Tensor]:
    """``(frames,)``, and the class of each sequence; `ahead` is 0."""
    video = split.video(first, count, context, epoch)
    return (video,), split.labels(first, count, epoch)


def of_each(logits: Tensor, targets: Sequence[Tensor]) -> list[Tensor]:
    """What each member of a stack says."""
    return list(logits.chunk(len(targets), dim=1))


def errors(logits: Tensor, labels: Tensor) -> Tensor:
    """The cross-entropy of each sequence."""
    return F.cross_entropy(logits, labels, reduction="none")


def correct(logits: Tensor, labels: Tensor) -> Tensor:
    """Whether the likeliest class of each sample is its own."""
    return logits.argmax(1) == labels
