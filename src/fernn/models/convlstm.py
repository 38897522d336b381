r"""ConvLSTM: an LSTM whose products are convolutions.

.. math::
   (i, f, o, g) &= W * [x_t, h_{t-1}] + b \\
   c_t &= \sigma(f) \odot c_{t-1} + \sigma(i) \odot \tanh g \\
   h_t &= \sigma(o) \odot \tanh c_t

The paper's peephole weights, which depend on the place, are left out. The frame is
the input of the first layer, the ``h`` of one layer that of the next, and the ``h`` of
the last is decoded. The forget gates' bias starts at 1. On a torus with patches of one
pixel, predictions move with a static shift of the frames; with zero padding they do
not, and larger patches leave multiples of their side. No prediction moves with a flow.

Source: X. Shi and others, NeurIPS 2015, arXiv 1506.04214.
"""

from __future__ import annotations

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

State = list[tuple[Tensor, Tensor]]  # (h, c) of each layer
WIDTHS = ("hidden", "decoder_hidden")  # the second in finer steps


class Layer(nn.Module):
    """One layer: a convolution of the input and the state to four gates."""

    def __init__(
        self, inputs: int, hidden: int, kernel: int, boundary: Boundary, bias: bool
    ):
        super().__init__()
        self.hidden = hidden
        self.gates = convolution(inputs + hidden, 4 * hidden, kernel, boundary, bias)
        if self.gates.bias is not None:
            with torch.no_grad():
                self.gates.bias[hidden : 2 * hidden] = 1

    def forward(
        self, signal: Signal, state: tuple[Tensor, Tensor] | None
    ) -> tuple[Features, Features]:
        """``(h, c)`` after one more input."""
        if state is None:
            empty = zeros_like(signal, self.hidden)
            state = empty, empty
        h, c = state
        return recurrence(self.gates(torch.cat([signal, h], dim=1)), c)


def recurrence(gates: Tensor, c: Features) -> tuple[Features, Features]:
    """``(h, c)`` after the sums of the gates i, f, o and g, channels beside each other.

    That of the cell ``conv_lstm`` of `fernn.models.temporal`, too.
    """
    i, f, o, g = gates.chunk(4, dim=1)
    c = f.sigmoid() * c + i.sigmoid() * g.tanh()
    return o.sigmoid() * c.tanh(), c


def through(layers: nn.ModuleList, signal: Signal, state: State | None) -> State:
    """``(h, c)`` of each layer after one more input of the first."""
    after: State = []
    for index, layer in enumerate(layers):
        after.append(layer(signal, state[index] if state else None))
        signal = after[-1][0]
    return after


class ConvLstm(Recurrent):
    """Layers of ConvLSTM, and a decoder of the last.

    With 128 channels, 4 layers, 5×5 kernels, patches of 4 pixels, a 1×1 read-out and no
    bias it is OpenSTL's ConvLSTM-S with 11,675,648 parameters; the 15.0 M published
    there count 3,407,872 weights besides that its forward pass never uses.

    Args:
        hidden: channels of each layer.
        layers: how many.
        kernel: of the recurrence, pixels.
        decoder_layers: hidden layers of the decoder.
        decoder_kernel: of the decoder, pixels.
        patch: frames become patches of so many pixels a side, each a pixel with as many
            channels.
        boundary: ``circular`` or ``zero``.
        bias: whether convolutions have one.
        decoder_hidden: channels of the decoder's hidden layers; None for `hidden`.
        told: channels that a frame has besides, which are not predicted.

    Raises:
        UserError: an unknown boundary, or a number that is none.
    """

    def __init__(
        self,
        hidden: int = 64,
        layers: int = 1,
        kernel: int = 3,
        decoder_layers: int = 4,
        decoder_kernel: int = 3,
        patch: int = 1,
        boundary: Boundary = "circular",
        bias: bool = True,
        decoder_hidden: int | None = None,
        told: int = 0,
    ):
        super().__init__()
        self.patch, pixels = patch, CHANNELS * patch**2
        inputs = pixels + told * patch**2
        self.layers = layers_of(Layer, inputs, hidden, layers, kernel, boundary, bias)
        self.decoder = decoder(
            hidden, decoder_layers, pixels, decoder_kernel, boundary, bias,
            decoder_hidden,
        )  # fmt: skip

    def step(self, frame: Signal, state: State | None) -> State:
        """``(h, c)`` of each layer."""
        return through(self.layers, F.pixel_unshuffle(frame, self.patch), state)

    def read(self, state: State) -> Frame:
        """The last layer's ``h``, decoded."""
        return F.pixel_shuffle(self.decoder(state[-1][0]), self.patch)


def build(
    size: Size,
    hidden: int = 64,
    layers: int = 1,
    kernel: int = 3,
    decoder_layers: int = 4,
    decoder_kernel: int = 3,
    patch: int = 1,
    boundary: Boundary = "circular",
    bias: bool = True,
    decoder_hidden: int | None = None,
) -> ConvLstm:
    """A ConvLSTM from a specification; see `ConvLstm`.

    Raises:
        UserError: patches do not divide a frame of `size`.
    """
    check_patch(patch, size)
    return ConvLstm(
        hidden, layers, kernel, decoder_layers, decoder_kernel, patch, boundary, bias,
        decoder_hidden,
    )  # fmt: skip
