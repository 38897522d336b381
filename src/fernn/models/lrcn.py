"""A convolutional network of each frame, then an LSTM over the frames: the LRCN.

Source: J. Donahue and others, CVPR 2015, arXiv 1411.4389.
"""

from __future__ import annotations

import itertools
import math
from typing import Literal, get_args

from jaxtyping import Float
from torch import Tensor, nn

from fernn.cells import Video, check_video
from fernn.flows import Size, frame_of
from fernn.models._options import Boundary, padding_mode
from fernn.velocities import whole
from labrun.errors import require_known

TASK = "classify"
CHANNELS = 1  # of a frame
Of = Literal["mean", "last"]


class Lrcn(nn.Module):
    r"""Features of a frame, averaged over its pixels; LSTMs; one answer a frame.

    .. math::
        \overrightarrow{h}_t &= \mathrm{LSTM}(x_t, \overrightarrow{h}_{t-1}), \qquad
        \overleftarrow{h}_t = \mathrm{LSTM}'(x_t, \overleftarrow{h}_{t+1}) \\
        y_t &= \overrightarrow{U} \overrightarrow{h}_t
               + \overleftarrow{U} \overleftarrow{h}_t + c, \qquad
        y = \tfrac{1}{T} \sum_t y_t

    After J. Donahue et al., arXiv 1411.4389, who average the answers of all frames, and
    after the bidirectional network of M. Schuster and K. Paliwal (1997); without it,
    :math:`\overleftarrow{h}` is left out and an answer does not depend on later frames.
    A frame's network has three 3×3 convolutions, each with batch normalisation and
    ReLU, in place of a network trained on photographs.

    On the torus, a shift of the clip by the stride cubed does not change the answer;
    other shifts and flows do. With ``stride: 1`` the features of a frame are those of
    the frame shifted anyhow, so that no flow changes the answer, and no common motion
    of all that is seen is known. With zero padding every shift does. At 128 channels
    and 6 classes: 225,766 parameters, 358,630 in two directions.

    Args:
        size: height and width of a decoded frame, pixels; others are classified too.
        hidden: channels of the last convolution and of each LSTM; the convolutions
            before it have a quarter and a half, or four.
        classes: how many.
        boundary: ``zero`` or ``circular``.
        stride: of each convolution.
        bidirectional: whether a second LSTM reads the frames backwards.
        of: the ``mean`` over frames, or the ``last``, of which an LSTM that reads
            backwards has seen one.

    Raises:
        UserError: an unknown option's value, or a number below one.
    """

    STACKED = ("channels",)

    def __init__(
        self,
        size: Size,
        hidden: int = 128,
        classes: int = 6,
        boundary: Boundary = "zero",
        stride: int = 2,
        bidirectional: bool = False,
        of: Of = "mean",
    ):
        super().__init__()
        require_known("of", of, get_args(Of))
        for name, value in (("hidden", hidden), ("stride", stride)):
            whole(value, f"{name} must be positive", least=1)
        self.size = frame_of(size)
        self.of, self.channels, self.causal = of, CHANNELS, not bidirectional
        self.encode = encoder(hidden, stride, boundary)
        self.recur = nn.LSTM(
            hidden, hidden, batch_first=True, bidirectional=bidirectional
        )
        self.linear = nn.Linear((1 + bidirectional) * hidden, classes)

    def forward(
        self, video: Video, decoder: nn.Module | None = None, ahead: int = 0
    ) -> Float[Tensor, "batch classes"] | Video:
        """The logits of each class, or frames of a `decoder`, see `frames`.

        Raises:
            UserError: the video has other axes or colours, or another type or device
                than the weights.
        """
        if decoder is not None:
            return self.frames(video, decoder, ahead)
        answers = self.answers(video)
        return answers[:, -1] if self.of == "last" else answers.mean(1)

    def answers(self, video: Video) -> Float[Tensor, "batch time classes"]:
        """The logits at each frame; see `forward`."""
        return self.linear(self.states(video))

    def states(self, video: Video) -> Float[Tensor, "batch time states"]:
        """Of the LSTMs at each frame; see `forward`."""
        check_video(video, self.channels, self.linear.weight)
        features = self.features(video.flatten(0, 1))
        return self.recur(features.unflatten(0, video.shape[:2]))[0]

    def frames(self, video: Video, decoder: nn.Module, ahead: int) -> Video:
        """What is decoded from the LSTMs' states at each frame.

        Args:
            video: as of `forward`.
            decoder: of `frame_decoder`.
            ahead: of classifiers with velocities; there is nothing to move here.
        """
        return decoder(self.states(video))

    def frame_decoder(self) -> nn.Module:
        """A fresh decoder for `frames`, linear."""
        sides = (self.channels, *self.size)
        linear = nn.Linear(self.linear.in_features, math.prod(sides))
        return nn.Sequential(linear, nn.Unflatten(-1, sides))

    def features(
        self, frames: Float[Tensor, "frame channel height width"]
    ) -> Float[Tensor, "frame hidden"]:
        """What the LSTM sees of each frame."""
        return self.encode(frames).mean((2, 3))


def encoder(hidden: int, stride: int, boundary: Boundary) -> nn.Sequential:
    """The network of a frame."""
    mode = padding_mode(boundary)
    widths = [CHANNELS, max(4, hidden // 4), max(4, hidden // 2), hidden]
    layers: list[nn.Module] = []
    for inner, outer in itertools.pairwise(widths):
        convolve = nn.Conv2d(
            inner, outer, 3, stride, padding=1, padding_mode=mode, bias=False
        )
        layers += [convolve, nn.BatchNorm2d(outer), nn.ReLU()]
    return nn.Sequential(*layers)


build = Lrcn
