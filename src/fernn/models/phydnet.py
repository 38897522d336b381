r"""PhyDNet: a branch whose filters are drawn towards derivatives, and a ConvLSTM.

The frame is encoded; e is what a branch sees of it. In the physical branch a step
predicts, as a partial differential equation does, and corrects by the frame:

.. math::
   \tilde p &= p + W * \mathrm{GN}(D * p), \qquad K = \sigma(U * [e, p]) \\
   p &\leftarrow \tilde p + K \odot (e - \tilde p)

D has k² filters of k×k, W is 1×1. The ConvLSTM sees the rest; p + h is decoded. Filter
``ij`` of D is the derivative :math:`\partial^{i+j} / \partial y^i \partial x^j`, exact
for polynomials of degree below k along each axis, if its moments are 1 at ``ij`` and
else 0. The moment loss is the squared distance to that, a mean over filters and
moments, summed over input channels.

Moments are after Z. Long and others (2019). The paper's code adds the moment loss with
weight 1, and the error of the one-step predictions of the observed frames: strategies
``extra_loss`` and ``scheduled_sampling``. The group normalisation makes D * p no pure
stencil. On a torus predictions move with a static shift of the frames; with zero
padding, and so with strided encoders, they do not. None moves with a flow.

Source: V. Le Guen, N. Thome, CVPR 2020, arXiv 2003.01460.
"""

from __future__ import annotations

import itertools
import math
from typing import Literal, NamedTuple, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fernn.flows import Size
from fernn.models import _strided
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
from fernn.models._strided import BRANCHES, Around
from fernn.models.convlstm import Layer, through
from labrun.errors import require_known

Image = Literal["plain", "strided"]
WIDTHS = ("hidden", "decoder_hidden")  # the second in finer steps


class State(NamedTuple):
    """The physical branch's ``p``, and ``(h, c)`` of each layer of the other."""

    physical: Tensor
    residual: list[tuple[Tensor, Tensor]]


class PhyCell(nn.Module):
    """The step of the physical branch."""

    powers: Tensor

    def __init__(self, hidden: int, kernel: int, boundary: Boundary):
        super().__init__()
        self.derivatives = convolution(hidden, kernel**2, kernel, boundary)
        self.normalize = nn.GroupNorm(kernel, kernel**2)
        self.combine = nn.Conv2d(kernel**2, hidden, 1)
        self.gate = convolution(2 * hidden, hidden, 3, boundary)
        self.register_buffer("powers", powers(kernel), persistent=False)

    def forward(self, seen: Features, p: Features) -> Features:
        """``p`` after one more frame."""
        gain = self.gate(torch.cat([seen, p], dim=1)).sigmoid()
        p = p + self.combine(self.normalize(self.derivatives(p)))
        return p + gain * (seen - p)

    def moment_loss(self) -> Tensor:
        """How far the filters are from derivatives."""
        found = moments(self.derivatives.weight, self.powers)
        wanted = torch.eye(len(found), dtype=found.dtype, device=found.device)
        wanted = wanted.view(len(found), 1, *found.shape[2:])
        return (found - wanted).square().mean((0, 2, 3)).sum()


class PhyDNet(Recurrent):
    """Encoder, both branches, and a decoder of their sum.

    With ``image: strided``, 64 channels and kernels of 7 pixels it is the published
    one for Moving MNIST, with 3,091,732 parameters, published as 3.1 M.

    Args:
        hidden: channels of the branches.
        kernel: side of the filters that are drawn towards derivatives; there are
            ``kernel ** 2`` of them.
        decoder_layers: hidden layers of the decoder.
        boundary: ``circular`` or ``zero``.
        image: ``plain``, one layer encodes, at the frame's size; or ``strided``, the
            published encoders and decoders around branches of a quarter of each side,
            three layers of ConvLSTM, and predictions between 0 and 1.
        decoder_hidden: channels of the hidden layers of a plain decoder; None for
            `hidden`.

    Raises:
        UserError: an unknown boundary or image, or a number that is none; or a strided
            image on a torus.
    """

    def __init__(
        self,
        hidden: int = 64,
        kernel: int = 7,
        decoder_layers: int = 4,
        boundary: Boundary = "circular",
        image: Image = "plain",
        decoder_hidden: int | None = None,
    ):
        super().__init__()
        require_known("image", image, get_args(Image))
        self.hidden = hidden
        if image == "strided":
            around = _strided.parts(hidden, boundary)
        else:
            around = _plain(hidden, decoder_layers, boundary, decoder_hidden)
        self.encode, self.decode = around.encode, around.decode
        self.into, self.out_of = (
            nn.ModuleDict(around.into),
            nn.ModuleDict(around.out_of),
        )
        self.physical = PhyCell(hidden, kernel, boundary)
        self.residual = nn.ModuleList(
            Layer(inputs, width, 3, boundary, bias=True)
            for inputs, width in itertools.pairwise([hidden, *around.widths])
        )

    def step(self, frame: Frame, state: State | None) -> State:
        """Both branches after one more frame."""
        seen = self.encode(frame)
        p = state.physical if state else zeros_like(seen, self.hidden)
        p = self.physical(self.into["physical"](seen), p)
        signal, before = self.into["residual"](seen), state.residual if state else None
        return State(p, through(self.residual, signal, before))

    def read(self, state: State) -> Frame:
        """The sum of both branches, decoded."""
        physical = self.out_of["physical"](state.physical)
        residual = self.out_of["residual"](state.residual[-1][0])
        return self.decode(physical + residual)

    def extra_loss(self) -> Tensor:
        """The moment loss."""
        return self.physical.moment_loss()


def _plain(
    hidden: int, decoder_layers: int, boundary: Boundary, inner: int | None
) -> Around:
    """One layer encodes for both branches, and their states are decoded as they are."""
    encode = nn.Sequential(convolution(CHANNELS, hidden, 3, boundary), nn.ReLU())
    alike: dict[str, nn.Module] = {name: nn.Identity() for name in BRANCHES}
    decode = decoder(hidden, decoder_layers, CHANNELS, 3, boundary, True, inner)
    return Around(encode, alike, alike, decode, [hidden])


def powers(kernel: int) -> Float[Tensor, "moment place"]:
    r"""The matrix :math:`M_{ip} = (p - (k - 1) / 2)^i / i!`."""
    places = torch.arange(kernel, dtype=torch.float64) - (kernel - 1) // 2
    orders = torch.arange(kernel, dtype=torch.float64)
    factorials = torch.tensor([math.factorial(i) for i in range(kernel)])
    return places[None, :] ** orders[:, None] / factorials[:, None]


def moments(
    filters: Float[Tensor, "*many kernel kernel"],
    matrix: Float[Tensor, "kernel kernel"],
) -> Float[Tensor, "*many kernel kernel"]:
    r"""The moments of filters, :math:`M k M^\top`."""
    matrix = matrix.to(filters.dtype)
    return matrix @ filters @ matrix.mT


def build(
    size: Size,
    hidden: int = 64,
    kernel: int = 7,
    decoder_layers: int = 4,
    boundary: Boundary = "circular",
    image: Image = "plain",
    decoder_hidden: int | None = None,
) -> PhyDNet:
    """A PhyDNet from a specification; see `PhyDNet`.

    Raises:
        UserError: strided encoders do not fit `hidden` or a frame of `size`.
    """
    if image == "strided":
        _strided.check(hidden, size)
    return PhyDNet(hidden, kernel, decoder_layers, boundary, image, decoder_hidden)
