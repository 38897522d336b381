r"""A block of frames becomes the next block by convolutions alone: SimVP and TAU.

Z. Gao et al., SimVP: Simpler yet Better Video Prediction, CVPR 2022, with the gated
attention (gSTA) of C. Tan et al., arXiv 2211.12509; and C. Tan et al., Temporal
Attention Unit, CVPR 2023. No recurrence: the T observed frames become T predicted ones,
which are fed for a longer forecast.

Source: Z. Gao and others, CVPR 2022, arXiv 2206.05099; TAU: arXiv 2206.12126.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import get_args

from einops import rearrange
from torch import nn

from fernn.flows import Size
from fernn.flows._base import frame_of
from fernn.models._blocks import Blocks, Video
from fernn.models._options import Boundary, padding_mode
from fernn.models._recurrent import CHANNELS
from fernn.models._translator import Attention, Normalize, translator
from fernn.velocities import whole
from labrun.errors import UserError, require_known

WIDTHS = ("hidden", "width")  # the second in finer steps


class _Stage(nn.Sequential):
    """3×3 convolution, perhaps to fewer or more pixels, normalisation, SiLU."""

    def __init__(
        self, conv: Callable, inputs: int, hidden: int, down: int = 1, up: int = 1
    ):
        convolution = conv(inputs, hidden * up**2, 3, padding=1, stride=down)
        nn.init.trunc_normal_(convolution.weight, std=0.02)
        nn.init.zeros_(convolution.bias)
        shuffle = [nn.PixelShuffle(up)] if up > 1 else []
        super().__init__(convolution, *shuffle, nn.GroupNorm(2, hidden), nn.SiLU())


class SimVP(Blocks):
    r"""An encoder of frames, a translator of all their channels, a decoder of frames.

    .. math:: e_t = \mathrm{Enc}(f_t), \quad
              (z_1, …, z_T) = \mathrm{Mid}(e_1, …, e_T), \quad
              \hat f_{T+t} = \mathrm{Dec}(z_t, s_t)

    :math:`s_t` is the output of the first stage of the encoder, added before the last
    stage of the decoder. The translator sees the T·hidden channels of all frames at
    once; see `fernn.models._translator`.

    With a circular boundary and `shrink` 1 a static shift of the video shifts the
    forecast; with a `shrink` it does so for multiples of the total factor alone, and
    with zeros beyond the boundary for none. A flow changes the forecast: it is not flow
    equivariant. Within a block every frame depends on all that were observed.

    At the published sizes for Moving MNIST (context 10, hidden 64, width 512, 8 blocks,
    4 stages) gSTA has 46,769,665 parameters and TAU 44,656,001. The published code
    also leaves out a share of the blocks in training, from 1 % to none; here none is.

    Args:
        size: height and width of a frame, pixels.
        context: frames of a block, T.
        hidden: channels of the encoder and the decoder, even.
        width: channels of the translator's inner blocks; None for T·hidden.
        blocks: of the translator, at least two.
        stages: of the encoder and of the decoder, even.
        shrink: by which every second stage makes the frame smaller.
        attention: ``gsta`` or ``tau``.
        kernel: side of the attention's kernel, which two smaller ones make up.
        dilation: of the second of these.
        expansion: of the channels inside a block.
        normalize: of the blocks, over the ``batch`` as published, or over a sample's
            channels and pixels, ``sample``.
        scale: of what a block adds, at first.
        boundary: ``zero`` or ``circular``.

    Raises:
        UserError: an unknown attention, normalisation or boundary, a number that is
            too small or odd, or frames that the stages cannot make smaller.
    """

    def __init__(
        self,
        size: Size,
        context: int = 10,
        hidden: int = 64,
        width: int | None = None,
        blocks: int = 8,
        stages: int = 4,
        shrink: int = 2,
        attention: Attention = "gsta",
        kernel: int = 21,
        dilation: int = 3,
        expansion: int = 8,
        normalize: Normalize = "batch",
        scale: float = 0.01,
        boundary: Boundary = "zero",
    ):
        super().__init__(context)
        require_known("attention", attention, get_args(Attention))
        require_known("normalize", normalize, get_args(Normalize))
        for name, number in (("hidden", hidden), ("stages", stages)):
            if whole(number, f"{name} must be positive", least=1) % 2:
                raise UserError(f"{name} must be even, got {number}")
        blocks = whole(blocks, "blocks must be two or more", least=2)
        self.factor = whole(shrink, "shrink must be positive", least=1) ** (stages // 2)
        conv = partial(nn.Conv2d, padding_mode=padding_mode(boundary))
        down = [shrink if stage % 2 else 1 for stage in range(stages)]
        inputs = [CHANNELS] + [hidden] * (stages - 1)
        pairs = zip(inputs, down, strict=True)
        self.encoder = nn.ModuleList(_Stage(conv, i, hidden, down=d) for i, d in pairs)
        ends = context * hidden
        inner = ends if width is None else whole(width, "width must be positive", 1)
        sides = [ends, *[inner] * (blocks - 1), ends]
        self.translator = translator(
            conv, sides, attention, kernel, dilation, expansion, normalize, scale
        )
        self.decoder = nn.ModuleList(
            _Stage(conv, hidden, hidden, up=up) for up in reversed(down)
        )
        self.readout = nn.Conv2d(hidden, CHANNELS, 1)
        self.check_frame(*frame_of(size))

    def check_frame(self, rows: int, columns: int) -> None:
        """Refuse frames that the encoder cannot make smaller.

        Raises:
            UserError: a side is no multiple of the total factor.
        """
        if rows % self.factor or columns % self.factor:
            raise UserError(
                f"SimVP makes frames {self.factor} times smaller, which"
                f" {rows}×{columns} pixels cannot be: no multiple of {self.factor}; set"
                " shrink: 1"
            )

    def block(self, video: Video) -> Video:
        """The frames that follow a block, as many."""
        frames = rearrange(video, "b t c h w -> (b t) c h w")
        first = signal = self.encoder[0](frames)
        for stage in self.encoder[1:]:
            signal = stage(signal)
        time = video.shape[1]
        signal = rearrange(signal, "(b t) c h w -> b (t c) h w", t=time)
        signal = rearrange(
            self.translator(signal), "b (t c) h w -> (b t) c h w", t=time
        )
        for stage in self.decoder[:-1]:
            signal = stage(signal)
        decoded = self.readout(self.decoder[-1](signal + first))
        return rearrange(decoded, "(b t) c h w -> b t c h w", t=time)


build = SimVP
