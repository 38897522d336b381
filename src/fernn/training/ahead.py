"""Sequences rendered some batches ahead: small ones cost more calls than pixels."""

from __future__ import annotations

from typing import Any, NamedTuple

from jaxtyping import Float
from torch import Tensor

from fernn.videos.recipes import Acted, Labelled, Sequences

# Bytes of frames; a batch may be larger and is then rendered by itself. On a GPU calls
# cost more and memory less.
BLOCK, BLOCK_ON_GPU = 2**20, 2**27
PIXEL = 4  # bytes


class _Block(NamedTuple):
    epoch: int
    first: int
    video: Tensor

    def has(self, epoch: int, first: int, count: int, frames: int) -> bool:
        sequences, length = self.video.shape[:2]
        inside = self.first <= first and first + count <= self.first + sequences
        return epoch == self.epoch and inside and frames <= length


class Ahead:
    """A split whose sequences are rendered in blocks, and asked for in turn.

    The frames are those of the split to the last bit: each is a function of its epoch,
    its sample and its time. Where horizons are drawn, blocks have as many frames as
    the longest yet.

    Args:
        split: of which they are.
    """

    def __init__(self, split: Sequences):
        self._split: Any = split
        self._block, self._frames = None, 0
        self.recipe, self.size = split.recipe, split.size

    def with_speed(self, most: int) -> Ahead:
        """See `fernn.videos.base.Videos`."""
        return Ahead(self._split.with_speed(most))

    def __len__(self) -> int:
        return len(self._split)

    def video(
        self, first: int, count: int, frames: int, epoch: int = 0
    ) -> Float[Tensor, "sample frame channel height width"]:
        """See `fernn.videos.recipes.Sequences`."""
        count = min(count, len(self) - first)
        block = self._block
        if block is None or not block.has(epoch, first, count, frames):
            self._frames = max(self._frames, frames)
            on_gpu = block is not None and block.video.device.type != "cpu"
            most = BLOCK_ON_GPU if on_gpu else BLOCK
            batches = most // (PIXEL * count * self._frames * self.size**2)
            many = max(1, batches) * count
            rendered = self._split.video(first, many, self._frames, epoch)
            self._block = block = _Block(epoch, first, rendered)
        return block.video[first - block.first :][:count, :frames]

    def labels(self, first: int, count: int, epoch: int = 0) -> Tensor:
        """See `fernn.videos.recipes.Labelled`."""
        assert isinstance(self._split, Labelled)
        return self._split.labels(first, count, epoch)

    def actions(self, first: int, count: int, frames: int, epoch: int = 0) -> Tensor:
        """See `fernn.videos.recipes.Acted`."""
        assert isinstance(self._split, Acted)
        return self._split.actions(first, count, frames, epoch)
