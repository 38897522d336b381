r"""Decoders of a forecaster, from what is pooled over V to a frame.

A decoder has hidden layers with ReLU, or with SELU where the cell has it, and a linear
output. In an ``annealed`` one a 1×1 convolution and a leaky ReLU of slope λ come before
each hidden layer. With λ = 1 the two convolutions are one,

.. math:: W_2 * (W_1 * x) = (W_2 W_1) * x

so that a network trained while λ goes from 0 to 1 is merged to the ``equivariant`` one:
the deep training of VanillaNet (H. Chen and others, 2023, arXiv 2305.12972), whose code
has batch normalisation besides. The strategy ``anneal_decoder`` does both.

Before a decoder there may be a bottleneck of discrete values, `Levels`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fernn.cells import Cell
from fernn.velocities import whole
from labrun.errors import UserError, require_known

DecoderName = Literal["equivariant", "ordinary", "annealed"]


class Annealed(nn.Module):
    """A leaky ReLU whose slope below zero a strategy raises.

    Attributes:
        slope: λ, from 0, a ReLU, to 1, the identity.
    """

    def __init__(self):
        super().__init__()
        self.slope = 0.0

    def forward(self, signal: Tensor) -> Tensor:
        """The same shape."""
        return F.leaky_relu(signal, self.slope)


class Levels(nn.Module):
    r"""A bottleneck: each number becomes one of L levels between -1 and 1.

    .. math:: q(z) = \frac{\mathrm{round}(r \tanh z)}{r}, \qquad r = \frac{L - 1}{2}

    Its gradient is that of the hyperbolic tangent, as if nothing were rounded. It acts
    on each channel of each pixel, so that it is as equivariant as the decoder.

    Source: F. Mentzer and others, Finite Scalar Quantization, ICLR 2024, arXiv
    2309.15505; in place of the vector quantisation of A. Dedieu and others, ICML 2024,
    arXiv 2401.05946, since it needs no codebook and no loss of its own.

    Args:
        levels: L, odd, at least 3.

    Raises:
        UserError: L is even or less than 3.
    """

    STACKED = ()

    def __init__(self, levels: int):
        super().__init__()
        message = "bottleneck must be an odd number of levels, at least 3"
        levels = whole(levels, message, least=3)
        if levels % 2 == 0:
            raise UserError(f"{message}, got {levels}")
        self.radius = (levels - 1) // 2

    def forward(self, signal: Tensor) -> Tensor:
        """The same shape."""
        bounded = signal.tanh()
        return bounded + (self.codes(signal) / self.radius - bounded).detach()

    def codes(self, signal: Tensor) -> Tensor:
        """The number of each level, from -r to r, of the same shape."""
        return (signal.tanh() * self.radius).round()


def equivariant(cell: Cell, layers: int, width: int) -> Iterator[nn.Module]:
    """A decoder of convolutions that commute with the flow, and its projection."""
    widths = [cell.hidden, *layers * [width]]
    for inputs, outputs in itertools.pairwise(widths):
        yield cell.layer("convolution", inputs, outputs)
        yield rectifier(cell)
    yield cell.layer("projection", widths[-1], cell.channels)


def ordinary(cell: Cell, layers: int, width: int) -> Iterator[nn.Module]:
    """The paper's decoder: its convolutions do not know the orientations of a state."""
    fibre = cell.flow.fibre
    widths = [cell.hidden * fibre, *layers * [width * fibre]]
    for inputs, outputs in itertools.pairwise(widths):
        yield cell.layer("ordinary", inputs, outputs)
        yield rectifier(cell)
    yield cell.layer("ordinary", widths[-1], cell.channels)


def annealed(cell: Cell, layers: int, width: int) -> Iterator[nn.Module]:
    """The equivariant one, with a layer more before each hidden one.

    Raises:
        UserError: the flow has orientations, or there is no hidden layer.
    """
    if cell.flow.fibre != 1:
        raise UserError("decoder 'annealed' is for flows without orientations")
    if not layers:
        raise UserError("decoder 'annealed' needs decoder_layers of 1 or more")
    widths = [cell.hidden, *layers * [width]]
    for inputs, outputs in itertools.pairwise(widths):
        yield nn.Conv2d(inputs, outputs, 1, bias=False)
        yield Annealed()
        yield cell.layer("convolution", outputs, outputs)
        yield rectifier(cell)
    yield cell.layer("projection", widths[-1], cell.channels)


def merged(weights: dict[str, Tensor], prefix: str = "decoder.") -> dict[str, Tensor]:
    """Weights of a forecaster with the decoder ``annealed`` as ``equivariant``.

    They are the same network where λ is 1.
    """
    made = {n: value for n, value in weights.items() if not n.startswith(prefix)}
    indices = sorted(int(name.split(".")[1]) for name in weights.keys() - made.keys())
    for place, first in enumerate(indices[:-1:2]):
        narrow = weights[f"{prefix}{first}.weight"][..., 0, 0]
        wide = weights[f"{prefix}{first + 2}.weight"]
        joined = torch.einsum("omyx,mi->oiyx", wide, narrow)
        made[f"{prefix}{2 * place}.weight"] = joined.contiguous()
    made[f"{prefix}{len(indices) - 1}.weight"] = weights[
        f"{prefix}{indices[-1]}.weight"
    ]
    return made


def rectifier(cell: Cell) -> nn.Module:
    """The nonlinearity of a decoder's layers."""
    return nn.SELU() if cell.activation == "selu" else nn.ReLU()


DECODERS: dict[DecoderName, Callable[[Cell, int, int], Iterator[nn.Module]]] = {
    "equivariant": equivariant,
    "ordinary": ordinary,
    "annealed": annealed,
}


def decoder_of(
    cell: Cell, name: DecoderName, layers: int, width: int | None, levels: Levels | None
) -> nn.Sequential:
    """A decoder after its bottleneck.

    Args:
        cell: whose pooled state is decoded.
        name: of `DECODERS`.
        layers: hidden ones.
        width: channels of the hidden layers; None for those of the cell.
        levels: the bottleneck, if there is one.

    Raises:
        UserError: an unknown name, a number of layers or channels that is none, or a
            bottleneck before a decoder to be merged.
    """
    require_known("decoder", name, DECODERS)
    if levels and name == "annealed":
        raise UserError("decoder 'annealed' is merged without a bottleneck")
    layers = whole(layers, "decoder_layers must not be negative", least=0)
    width = cell.hidden if width is None else width
    width = whole(width, "decoder_hidden must be positive", least=1)
    return nn.Sequential(
        *([levels] if levels else []), *DECODERS[name](cell, layers, width)
    )
