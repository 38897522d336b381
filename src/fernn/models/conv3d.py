"""A convolutional network over space and time, which knows no flow: the 3D-CNN."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn

from fernn.cells import check_video
from fernn.flows import Size
from fernn.models._options import Boundary, padding_mode
from fernn.velocities import whole

TASK = "classify"
WIDTHS, STRIDES = (1, 2, 2, 4, 4), (1, 2, 1, 2, 1)  # of the stages; strides in time
CHANNELS = 1  # of a frame


class _Stage(nn.Module):
    """Convolution over 3×3×3, batch normalisation, ReLU."""

    def __init__(self, inner: int, outer: int, stride: int, circular: bool):
        super().__init__()
        self.circular = circular
        self.convolve = nn.Conv3d(
            inner,
            outer,
            3,
            stride=(stride, 1, 1),
            padding=(1, 0, 0) if circular else 1,
            bias=False,
        )
        self.normalize = nn.BatchNorm3d(outer)

    def forward(
        self, signal: Float[Tensor, "batch inner time height width"]
    ) -> Float[Tensor, "batch outer fewer height width"]:
        if self.circular:  # in space; time is no torus
            signal = nn.functional.pad(signal, (1, 1, 1, 1, 0, 0), mode="circular")
        return self.normalize(self.convolve(signal)).relu()


class Conv3d(nn.Module):
    """Five stages, a mean over space and time, and a linear layer.

    At the published size (a base width of 16, 6 classes) it has 208,598 parameters. The
    paper tells the widths and that it strides in time; that the second and the fourth
    stage do, and none in space, is ours.

    Args:
        width: channels of the first stage; later ones have two and four times as many.
        classes: how many.
        boundary: ``zero`` or ``circular``, in space.

    Raises:
        UserError: an unknown boundary, or a width that is not positive.
    """

    def __init__(self, width: int = 16, classes: int = 6, boundary: Boundary = "zero"):
        super().__init__()
        width = whole(width, "width must be positive", least=1)
        widths = [CHANNELS, *(width * factor for factor in WIDTHS)]
        pairs = zip(widths[:-1], widths[1:], STRIDES, strict=True)
        circular = padding_mode(boundary) == "circular"
        stages = [_Stage(inner, outer, step, circular) for inner, outer, step in pairs]
        self.stages = nn.Sequential(*stages)
        self.linear = nn.Linear(widths[-1], classes)

    def forward(
        self, video: Float[Tensor, "batch time 1 height width"]
    ) -> Float[Tensor, "batch classes"]:
        """The logits of each class.

        Raises:
            UserError: the video has other axes or colours, or another type or device
                than the weights.
        """
        check_video(video, CHANNELS, self.linear.weight)
        return self.linear(self.stages(video.transpose(1, 2)).mean((2, 3, 4)))


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
