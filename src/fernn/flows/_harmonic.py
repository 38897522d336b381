r"""The regular convolution on the Fourier transform over orientations.

A kernel's turn is a phase, and a phase a shift of frequency:

.. math::
    \hat y_k = \sum_b \hat\omega_b(k + m_b)\, (\varphi_b \star \hat h_{k + m_b}), \qquad
    \hat\omega_b(k) = \sum_d \omega_b(d)\, e^{2\pi i k d/N}

over complex basis functions :math:`\varphi_b` of orders :math:`-L \dots L`, for
:math:`k = 0 \dots N/2` as signals are real. It is exact, and costs N instead of N².
"""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from fernn.flows._numerics import add_products, autocast, product, products
from fernn.flows._tables import Tables


def convolve(
    signal: Float[Tensor, "batch inputs height width"],
    mixing: Float[Tensor, "frequency mixed reduced"],
    tables: Tables,
) -> Float[Tensor, "batch outputs height width"]:
    """The convolution, sample by sample; nothing in between is kept.

    Args:
        signal: its channels as ``(orientation inputs)``.
        mixing: from `Tables.mixing`.
        tables: of N and the basis.
    """
    found = HarmonicConvolution.apply(autocast(signal), autocast(mixing), tables)
    assert isinstance(found, Tensor)
    return found


class HarmonicConvolution(torch.autograd.Function):
    """Saves the signal and the matrices; the reduced planes are made again."""

    @staticmethod
    def forward(ctx, signal, mixing, tables):
        ctx.save_for_backward(signal, mixing)
        ctx.tables = tables
        forward, inverse, planes = tables.constants(signal)
        found = []
        for sample in signal.unbind(0):
            spectrum = _spectrum(sample, forward, tables)
            pixels = spectrum.shape[-2] * spectrum.shape[-1]
            mixed = sample.new_zeros(*mixing.shape[:2], pixels)
            for some, columns in tables.chunks(spectrum):
                reduced = tables.reduce(spectrum[:, :, some], planes)
                add_products(mixed, mixing[:, :, columns], reduced)
            mixed = rearrange(mixed, "k (p o) x -> (k p) (o x)", p=2)
            channels = mixing.shape[1] // 2 * tables.count
            found.append(product(inverse, mixed).view(channels, *sample.shape[-2:]))
        return torch.stack(found)

    @staticmethod
    def backward(ctx, *gradients):
        signal, mixing = ctx.saved_tensors
        tables = ctx.tables
        forward, inverse, planes = tables.constants(signal)
        to_signal = torch.empty_like(signal)
        to_mixing = torch.zeros_like(mixing)
        pairs = zip(signal.unbind(0), gradients[0].unbind(0), strict=True)
        for index, (sample, gradient) in enumerate(pairs):
            mixed = product(inverse.T, gradient.reshape(tables.count, -1))
            outputs = mixing.shape[1] // 2
            mixed = rearrange(mixed, "(k p) (o x) -> k (p o) x", p=2, o=outputs)
            spectrum = _spectrum(sample, forward, tables)
            for some, columns in tables.chunks(spectrum):
                own = spectrum[:, :, some]
                if ctx.needs_input_grad[1]:
                    reduced = tables.reduce(own, planes).transpose(1, 2)
                    add_products(to_mixing[:, :, columns], mixed, reduced)
                if ctx.needs_input_grad[0]:
                    back = products(mixing[:, :, columns].transpose(1, 2), mixed)
                    # What these channels were is not needed any more.
                    spectrum[:, :, some] = tables.spread(back, planes, own.shape)
            if ctx.needs_input_grad[0]:
                turned = product(forward.T, spectrum.view(len(forward), -1))
                to_signal[index] = turned.view_as(sample)
        return to_signal, to_mixing, None


def _spectrum(sample: Tensor, forward: Tensor, tables: Tables) -> Tensor:
    """One sample's transform: (frequency, part, channel, height, width)."""
    found = product(forward, sample.reshape(tables.count, -1))
    channels = sample.shape[0] // tables.count
    return found.view(len(forward) // 2, 2, channels, *sample.shape[-2:])
