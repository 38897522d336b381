"""The harmonic convolution whose reduced planes are made where they are mixed."""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from fernn.cells.flow_equivariant.triton import integers
from fernn.cells.flow_equivariant.triton._harmonic_kernels import matrix_gradient, mix
from fernn.flows._tables import Tables


class KernelHarmonic(torch.autograd.Function):
    """Saves the signal and the matrices, and never stores a reduced plane.

    Complex numbers commute, so the gradient of the spectrum is the same product again:
    of the gradient's spectrum, with functions turned round and conjugate matrices.
    """

    @staticmethod
    def forward(ctx, signal, mixing, tables):
        """`mixing` is that of `Tables.mixing`; all samples at once."""
        ctx.save_for_backward(signal, mixing)
        ctx.tables = tables
        forward, inverse, _ = tables.constants(signal)
        taps, shifts = taps_of(tables, signal)
        matrices = _split(mixing, len(taps), "k r (c b q) -> k b q c r")
        spectrum = _transform(forward, signal, tables.count)
        mixed = mix(spectrum, matrices, taps, shifts, tables.outputs, True)
        return _channels(inverse, mixed, signal)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        """The gradients of the signal and of the matrices."""
        signal, mixing = ctx.saved_tensors
        tables, to_signal, to_mixing = ctx.tables, None, None
        forward, inverse, _ = tables.constants(signal)
        taps, shifts = taps_of(tables, signal)
        incoming = _transform(inverse.T, gradient, tables.count)
        if ctx.needs_input_grad[0]:
            turned = taps.transpose(1, 2).flip(-2, -1)
            matrices = _split(mixing, len(taps), "k (p o) (c b q) -> k b p o (q c)")
            waves = len(forward) // 2
            found = mix(incoming, matrices, turned, -shifts, waves, False)
            to_signal = _channels(forward.T, found, signal)
        if ctx.needs_input_grad[1]:
            spectrum = _transform(forward, signal, tables.count)
            outgoing = incoming.flatten(2, 3).flatten(-2)
            found = matrix_gradient(spectrum, outgoing, taps, shifts)
            to_mixing = rearrange(found, "k b q c r -> k r (c b q)").to(mixing.dtype)
        return to_signal, to_mixing, None


def taps_of(
    tables: Tables, like: Tensor
) -> tuple[Float[Tensor, "function 2 2 tall wide"], Int[Tensor, " function"]]:
    """The basis, and which frequencies its functions read.

    Returns:
        The kernels of `Tables.constants`, parts apart, in single precision at least;
        and places in the spectrum, those of the outputs beginning at 0.
    """
    exact = torch.promote_types(like.dtype, torch.float32)
    planes = tables.constants(like.new_empty(0, dtype=exact))[2]
    places = tuple(tables.reach + function.order for function in tables.functions)
    return planes.unflatten(0, (-1, 2)), integers(places, like.device)


def _split(mixing: Tensor, functions: int, pattern: str) -> Tensor:
    """The matrices apart for each function and part."""
    sizes = {"b": functions, "q": 2} | ({"p": 2} if "(p o)" in pattern else {})
    return rearrange(mixing, pattern, **sizes).contiguous()


def _transform(matrix: Tensor, signal: Tensor, count: int) -> Tensor:
    """All samples' spectra: (sample, frequency, part, channel, height, width)."""
    found = matrix @ signal.reshape(len(signal), count, -1)
    frame = signal.shape[-2:]
    return found.view(len(signal), len(matrix) // 2, 2, -1, *frame)


def _channels(matrix: Tensor, mixed: Tensor, like: Tensor) -> Tensor:
    """Back to ``(orientation channel)``, of samples and frames like the signal's."""
    found = matrix @ mixed.view(len(mixed), matrix.shape[1], -1)
    return found.view(len(like), -1, *like.shape[-2:])
