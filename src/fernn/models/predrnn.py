r"""PredRNN: layers of LSTMs that share a second memory, which zigzags through them.

Layer ``l`` at time ``t`` has an own cell ``c`` and the memory ``m`` of the layer below;
the first layer has the memory that the last had at ``t - 1`` (* is convolution):

.. math::
   (i, f, g) &= W_x * x + W_h * h, \qquad
   \Delta c = \sigma(i) \odot \tanh g, \qquad c \leftarrow \sigma(f + 1) \odot c
   + \Delta c \\
   (i', f', g') &= W_x' * x + W_m * m, \qquad
   \Delta m = \sigma(i') \odot \tanh g', \qquad m \leftarrow \sigma(f' + 1) \odot m
   + \Delta m \\
   h &\leftarrow \sigma(W_x'' * x + W_h'' * h + W_o * [c, m]) \odot
   \tanh(W_1 * [c, m])

where W₁ is 1×1. The decoupling loss keeps both memories apart: over layers, steps,
samples and channels the mean of :math:`|\cos(A \Delta c, A \Delta m)|`, an angle
between frames of features, with one 1×1 convolution A for all layers.

PredRNNv2 trains with the strategies ``scheduled_sampling: reverse`` and ``extra_loss``
of weight 0.1. On a torus with patches of one pixel, predictions move with a static
shift of the frames; with zero padding they do not. None moves with a flow.

Source: Y. Wang and others, PredRNNv2, TPAMI 2022, arXiv 2103.09504.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fernn.flows import Size
from fernn.models._options import Boundary
from fernn.models._recurrent import (
    CHANNELS,
    Features,
    Frame,
    Recurrent,
    Signal,
    check_patch,
    convolution,
    decoder,
    layers_of,
    zeros_like,
)

FORGET = 1.0  # added to forget gates
WIDTHS = ("hidden", "decoder_hidden")  # the second in finer steps


class State(NamedTuple):
    """Of one time step: ``h`` and ``c`` of each layer, and the memory of the last."""

    layers: list[tuple[Tensor, Tensor]]
    memory: Tensor


class Layer(nn.Module):
    """One layer, a spatio-temporal LSTM."""

    def __init__(
        self, inputs: int, hidden: int, kernel: int, boundary: Boundary, bias: bool
    ):
        super().__init__()

        def from_(width: int, gates: int, side: int = kernel) -> nn.Conv2d:
            return convolution(width, gates * hidden, side, boundary, bias)

        self.of_input, self.of_state = from_(inputs, 7), from_(hidden, 4)
        self.of_memory = from_(hidden, 3)
        self.of_both, self.mix = from_(2 * hidden, 1), from_(2 * hidden, 1, side=1)

    def forward(
        self, signal: Signal, h: Features, c: Features, m: Features
    ) -> tuple[Features, Features, Features, tuple[Features, Features]]:
        """``h``, ``c`` and ``m`` afterwards, and what was added to both memories."""
        i, f, g, i_m, f_m, g_m, o = self.of_input(signal).chunk(7, dim=1)
        own = self.of_state(h).chunk(4, dim=1)
        shared = self.of_memory(m).chunk(3, dim=1)
        c_new = (i + own[0]).sigmoid() * (g + own[2]).tanh()
        m_new = (i_m + shared[0]).sigmoid() * (g_m + shared[2]).tanh()
        c = (f + own[1] + FORGET).sigmoid() * c + c_new
        m = (f_m + shared[1] + FORGET).sigmoid() * m + m_new
        both = torch.cat([c, m], dim=1)
        opened = (o + own[3] + self.of_both(both)).sigmoid()
        return opened * self.mix(both).tanh(), c, m, (c_new, m_new)


class PredRnn(Recurrent):
    """Layers with a common memory, and a decoder of the last.

    With 128 channels, 4 layers, 5×5 kernels, patches of 4 pixels, a 1×1 read-out and no
    bias it is OpenSTL's PredRNNv2 with 23,855,104 parameters, published as 23.9 M.

    Args:
        size: height and width of a frame, pixels.
        hidden: channels of each layer.
        layers: how many.
        kernel: of the recurrence, pixels.
        decoder_layers: hidden layers of the decoder; the original has none.
        decoder_kernel: of the decoder, pixels.
        patch: frames become patches of so many pixels a side, each a pixel with as many
            channels.
        boundary: ``circular`` or ``zero``.
        bias: whether convolutions have one.
        decoder_hidden: channels of the decoder's hidden layers; None for `hidden`.

    Raises:
        UserError: an unknown boundary, a number that is none, or patches that do not
            divide a frame.
    """

    def __init__(
        self,
        size: Size,
        hidden: int = 64,
        layers: int = 2,
        kernel: int = 3,
        decoder_layers: int = 0,
        decoder_kernel: int = 3,
        patch: int = 1,
        boundary: Boundary = "circular",
        bias: bool = True,
        decoder_hidden: int | None = None,
    ):
        super().__init__()
        self.hidden, self.patch = hidden, check_patch(patch, size)
        pixels = CHANNELS * patch**2
        self.layers = layers_of(Layer, pixels, hidden, layers, kernel, boundary, bias)
        self.adapter = nn.Conv2d(hidden, hidden, 1, bias=False)
        self.decoder = decoder(
            hidden, decoder_layers, pixels, decoder_kernel, boundary, bias,
            decoder_hidden,
        )  # fmt: skip
        self._cosines: list[Tensor] = []  # of the newest forward pass

    def step(self, frame: Frame, state: State | None) -> State:
        """The state after one more frame, layer by layer."""
        if state is None:
            self._cosines = []
        signal = F.pixel_unshuffle(frame, self.patch)
        empty = zeros_like(signal, self.hidden)
        before, m = state or State([(empty, empty)] * len(self.layers), empty)
        after = []
        for layer, (h, c) in zip(self.layers, before, strict=True):
            signal, c, m, added = layer(signal, h, c, m)
            after.append((signal, c))
            if self.collects and self.training:
                self._cosines.append(cosine(*map(self.adapter, added)))
        return State(after, m)

    def read(self, state: State) -> Frame:
        """The last layer's ``h``, decoded."""
        return F.pixel_shuffle(self.decoder(state.layers[-1][0]), self.patch)

    def extra_loss(self) -> Tensor:
        """The decoupling loss of the newest forward pass."""
        cosines, self._cosines = self._cosines, []
        return torch.stack(cosines).mean()


def cosine(first: Features, second: Features) -> Tensor:
    """The mean |cosine| between frames of features, over samples and channels."""
    return F.cosine_similarity(first.flatten(2), second.flatten(2), dim=2).abs().mean()


build = PredRnn
