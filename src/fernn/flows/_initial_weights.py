"""How the weights of group convolutions are drawn before training."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

InitialWeights = Literal["uniform", "he"]
Weights = Float[Tensor, "function turns outputs inputs"]


def draw(
    how: InitialWeights,
    orders: Sequence[int],
    orientations: int,
    shape: Sequence[int],
) -> Weights:
    """Weights of a convolution with the functions of a basis.

    Args:
        how: ``uniform``, so that outputs have a third of the variance of white inputs,
            as of torch's own convolutions; ``he``, see `generalised_he`.
        orders: m of the basis's profiles.
        orientations: N.
        shape: numbers of relative orientations, outputs and inputs.
    """
    if how == "he":
        return generalised_he(orders, orientations, shape)
    functions = sum(2 if order else 1 for order in orders)
    turns, _, inputs = shape
    bound = 1 / math.sqrt(turns * inputs * len(orders))
    return torch.empty(functions, *shape).uniform_(-bound, bound)


def generalised_he(
    orders: Sequence[int], orientations: int, shape: Sequence[int]
) -> Weights:
    r"""Weights that keep the variance of white inputs in every frequency they reach.

    With the Fourier transform over orientations, :math:`\hat h(l)`, a function of order
    m leads from the frequency l to l - m (and from -l to m - l). Frequencies l and -l
    are one irreducible representation. For an output of one such, let I be the number
    of input representations that reach it and B the number of weights from one of
    these, over all channels. Each weight, of a kernel with unit norm for each dimension
    of the output, has the variance 1 / (I B), so each input representation adds the
    same share of a variance of 1. The weights are normal. Drawn are those of
    frequencies; the transform gives those of relative orientations.

    That is the generalised He initialisation (Weiler, Hamprecht & Storath, Learning
    steerable filters for rotation equivariant CNNs, 2018; Weiler & Cesa, 2019), by
    which the paper's code draws. From frames, turns are 1 and l is 0: frequencies above
    the highest order are not reached and stay zero.

    Args:
        orders: m of the basis's profiles.
        orientations: N.
        shape: numbers of relative orientations, 1 or N, of outputs and of inputs.
    """
    drawn = []
    for order, scale in zip(orders, scales(orders, orientations, shape), strict=True):
        noise = torch.randn(2 if order else 1, *shape)
        white = torch.complex(noise[0], noise[1]) if order else noise[0]
        spectrum = torch.fft.fft(white, dim=0) * scale.to(noise)[:, None, None]
        found = torch.fft.ifft(spectrum, dim=0)
        drawn += [found.real, found.imag] if order else [found.real]
    return torch.stack(drawn)


def scales(
    orders: Sequence[int], orientations: int, shape: Sequence[int]
) -> list[Float[Tensor, " turns"]]:
    """By what white weights of each profile are multiplied, frequency by frequency."""
    turns, _, inputs = shape
    weights = Counter[tuple[int, int]]()  # B for one channel, by (source, target)
    for order in orders:
        for source in range(turns):
            weights[_pair(source, order, orientations)] += 2 if order else 1
    reached = Counter(target for _, target in weights)  # I
    found = []
    for order in orders:
        row = []
        for source in range(turns):
            pair = _pair(source, order, orientations)
            variance = 1 / (reached[pair[1]] * weights[pair] * inputs)
            # A complex output is one number of each weight, a real one two conjugates.
            is_real = 2 * pair[1] % orientations == 0
            parts = (2 if order else 1) * (1 if is_real else 2)
            row.append(math.sqrt(parts * variance / orientations))
        found.append(torch.tensor(row, dtype=torch.float64, device="cpu"))
    return found


def _pair(source: int, order: int, orientations: int) -> tuple[int, int]:
    """The representations that a frequency comes from and is led to by an order."""
    ends = source, source - order
    source, target = (min(each % orientations, -each % orientations) for each in ends)
    return source, target
