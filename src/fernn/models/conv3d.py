"""A convolutional network over space and time, which knows no flow: the 3D-CNN.

Source: D. Tran and others, ICCV 2015, arXiv 1412.0767; as in arXiv 2507.14793.
"""

from __future__ import annotations

import math

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from fernn.cells import Video, check_video
from fernn.flows import Size
from fernn.models._options import Boundary, padding_mode
from fernn.velocities import whole

TASK = "classify"
# Of the stages: width as a multiple of the first, stride in time, stride in space.
STAGES = ((1, 2, 1), (2, 1, 2), (2, 1, 1), (4, 1, 2), (4, 1, 1))
CHANNELS = 1  # of a frame
WIDTHS = ("width",)
STRIDES = {"t": 2, "h": 4, "w": 4}  # of all stages together


class _Stage(nn.Module):
    """Convolution over 3×3×3, batch normalisation, ReLU."""

    STACKED = ()

    def __init__(
        self, inner: int, outer: int, stride: tuple[int, int, int], circular: bool
    ):
        super().__init__()
        self.circular = circular
        self.convolve = nn.Conv3d(
            inner,
            outer,
            3,
            stride=stride,
            padding=(1, 0, 0) if circular else 1,
            bias=False,
        )
        self.normalize = nn.BatchNorm3d(outer)

    def forward(
        self, signal: Float[Tensor, "batch inner time height width"]
    ) -> Float[Tensor, "batch outer fewer lower narrower"]:
        if self.circular:  # in space; time is no torus
            signal = nn.functional.pad(signal, (1, 1, 1, 1, 0, 0), mode="circular")
        return self.normalize(self.convolve(signal)).relu()


class Conv3d(nn.Module):
    """Five stages, a mean over space and time, and a linear layer.

    The first stage strides by 2 in time, the second and the fourth by 2 in space, as in
    the published code. At its size (a base width of 16, 6 classes) there are 208,598
    parameters, and 16 frames of 32×32 pixels become 8 of 32×32, 16×16 twice, and 8×8
    twice.

    Args:
        width: channels of the first stage; later ones have two and four times as many.
        classes: how many.
        boundary: ``zero`` or ``circular``, in space.

    Raises:
        UserError: an unknown boundary, or a width that is not positive.
    """

    STACKED = ("channels",)
    causal = False

    def __init__(self, width: int = 16, classes: int = 6, boundary: Boundary = "zero"):
        super().__init__()
        width = whole(width, "width must be positive", least=1)
        circular = padding_mode(boundary) == "circular"
        self.channels = CHANNELS
        stages, inner = [], CHANNELS
        for factor, time, space in STAGES:
            outer = width * factor
            stages.append(_Stage(inner, outer, (time, space, space), circular))
            inner = outer
        self.stages = nn.Sequential(*stages)
        self.linear = nn.Linear(inner, classes)

    def forward(
        self, video: Video, decoder: nn.Module | None = None, ahead: int = 0
    ) -> Float[Tensor, "batch classes"] | Video:
        """The logits of each class, or frames of a `decoder`, see `frames`.

        Raises:
            UserError: the video has other axes or colours, or another type or device
                than the weights.
        """
        check_video(video, self.channels, self.linear.weight)
        if decoder is not None:
            return self.frames(video, decoder, ahead)
        return self.linear(self._features(video).mean((2, 3, 4)))

    def frames(self, video: Video, decoder: nn.Module, ahead: int) -> Video:
        """All frames, decoded from the last stage, which has seen them all.

        Args:
            video: as of `forward`.
            decoder: of `frame_decoder`.
            ahead: of recurrent classifiers; there is nothing to move here.
        """
        blocks = "b (c t h w) time height width -> b (time t) c (height h) (width w)"
        made = rearrange(decoder(self._features(video)), blocks, **STRIDES)
        _, time, _, height, width = video.shape
        return made[:, :time, :, :height, :width]

    def frame_decoder(self) -> nn.Module:
        """A fresh decoder for `frames`: of a block of pixels for each feature."""
        block = math.prod(STRIDES.values())
        return nn.Conv3d(self.linear.in_features, self.channels * block, 1)

    def _features(
        self, video: Video
    ) -> Float[Tensor, "batch features fewer lower narrower"]:
        """Of the last stage."""
        return self.stages(video.transpose(1, 2))


def build(
    size: Size,
    hidden: int = 128,
    width: int | None = None,
    classes: int = 6,
    boundary: Boundary = "zero",
) -> Conv3d:
    """A 3D-CNN from a specification.

    Args:
        size: of the frame; any will do.
        hidden: channels of the recurrent models it is compared with.
        width: of its first stage; by default an eighth of `hidden`, at least four.
        classes: how many.
        boundary: ``zero`` or ``circular``.
    """
    return Conv3d(width or max(4, hidden // 8), classes, boundary)
