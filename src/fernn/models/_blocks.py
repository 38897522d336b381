"""Models that turn the observed frames into as many predicted ones, and feed these."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fernn.cells import check_video
from fernn.models._options import check_horizon
from fernn.models._recurrent import CHANNELS
from fernn.velocities import whole
from labrun.errors import UserError

Video = Float[Tensor, "batch time channel height width"]


class Blocks(nn.Module):
    """A forecast in blocks; a model adds `block`, and what frames it can have.

    A shorter horizon is a part of the block, a longer one is further blocks, of the
    predicted frames. Within a block each frame depends on all that were observed.

    Args:
        context: frames of a block.

    Raises:
        UserError: `context` is no whole number, or less than one.
    """

    def __init__(self, context: int):
        super().__init__()
        self.context = whole(context, "context must be positive", least=1)

    def block(self, video: Video) -> Video:
        """The frames that follow a block, as many."""
        raise NotImplementedError

    def check_frame(self, rows: int, columns: int) -> None:
        """Refuse frames that the model cannot have."""

    def predict(
        self, video: Video, horizon: int
    ) -> Iterator[Float[Tensor, "batch channel height width"]]:
        """The predicted frames one by one; memory does not grow with `horizon`.

        Raises:
            UserError: the video has other frames than the model is built for, or no
                frame is asked for.
        """
        check_video(video, CHANNELS, next(self.parameters()))
        if video.shape[1] != self.context:
            raise UserError(
                f"this {type(self).__name__} takes {self.context} frames,"
                f" got {video.shape[1]}"
            )
        self.check_frame(video.shape[-2], video.shape[-1])
        return itertools.islice(self._forecast(video), check_horizon(horizon))

    def _forecast(self, video: Tensor) -> Iterator[Tensor]:
        while True:
            video = self.block(video)
            yield from video.unbind(1)

    def forward(
        self, video: Video, horizon: int
    ) -> Float[Tensor, "batch horizon channel height width"]:
        """The `horizon` frames after the observed `video`; raises as `predict`."""
        return torch.stack(list(self.predict(video, horizon)), dim=1)
