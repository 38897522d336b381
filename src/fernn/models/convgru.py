r"""ConvGRU: a gated recurrent unit whose products are convolutions.

.. math::
   (z, r) &= \sigma(W * [x_t, h_{t-1}] + b) \\
   h_t &= z \odot h_{t-1} + (1 - z) \odot \tanh(U * [x_t, r \odot h_{t-1}] + d)

The update gate is that of K. Cho and others (2014); its bias starts at 1, so that the
state is kept at first. On a torus predictions move with a static shift of the frames;
with zero padding they do not. None moves with a flow.

Source: N. Ballas and others, ICLR 2016, arXiv 1511.06432.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from fernn.flows import Size
from fernn.models._options import Boundary
from fernn.models._recurrent import (
    CHANNELS,
    Features,
    Frame,
    Recurrent,
    convolution,
    decoder,
    zeros_like,
)

WIDTHS = ("hidden", "decoder_hidden")  # the second in finer steps


class ConvGru(Recurrent):
    """One layer of ConvGRU, and a decoder.

    Args:
        hidden: channels of the state.
        kernel: of the recurrence, pixels.
        decoder_layers: hidden layers of the decoder.
        boundary: ``circular`` or ``zero``.
        decoder_hidden: channels of the decoder's hidden layers; None for `hidden`.

    Raises:
        UserError: an unknown boundary, or a number that is none.
    """

    def __init__(
        self,
        hidden: int = 64,
        kernel: int = 3,
        decoder_layers: int = 4,
        boundary: Boundary = "circular",
        decoder_hidden: int | None = None,
    ):
        super().__init__()
        self.hidden, inputs = hidden, CHANNELS + hidden
        self.gates = convolution(inputs, 2 * hidden, kernel, boundary)
        self.candidate = convolution(inputs, hidden, kernel, boundary)
        assert self.gates.bias is not None
        with torch.no_grad():
            self.gates.bias[:hidden] = 1
        sizes = hidden, decoder_layers, CHANNELS, 3
        self.decoder = decoder(*sizes, boundary, True, decoder_hidden)

    def step(self, frame: Frame, state: Tensor | None) -> Features:
        """The state after one more frame."""
        h = zeros_like(frame, self.hidden) if state is None else state

        def candidate(scaled: Features) -> Tensor:
            return self.candidate(torch.cat([frame, scaled], dim=1))

        return recurrence(self.gates(torch.cat([frame, h], dim=1)), candidate, h)

    def read(self, state: Features) -> Frame:
        """The state, decoded."""
        return self.decoder(state)


def recurrence(
    gates: Tensor, candidate: Callable[[Features], Tensor], h: Features
) -> Features:
    """The next h after the sums of the gates z and r, and of the candidate of r ⊙ h.

    That of the cell ``conv_gru`` of `fernn.models.temporal`, too.
    """
    z, r = gates.sigmoid().chunk(2, dim=1)
    return z * h + (1 - z) * candidate(r * h).tanh()


def build(
    size: Size,
    hidden: int = 64,
    kernel: int = 3,
    decoder_layers: int = 4,
    boundary: Boundary = "circular",
    decoder_hidden: int | None = None,
) -> ConvGru:
    """A ConvGRU from a specification; see `ConvGru`."""
    return ConvGru(hidden, kernel, decoder_layers, boundary, decoder_hidden)
