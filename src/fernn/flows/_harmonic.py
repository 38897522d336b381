r"""The regular convolution on the Fourier transform over orientations.

A kernel's turn is a phase, and a phase a shift of frequency:

.. math::
    \hat y_k = \sum_b \hat\omega_b(k + m_b)\, (\varphi_b \star \hat h_{k + m_b}), \qquad
    \hat\omega_b(k) = \sum_d \omega_b(d)\, e^{2\pi i k d/N}

over complex basis functions :math:`\varphi_b` of orders :math:`-L \dots L`, for
:math:`k = 0 \dots N/2` as signals are real. It is exact, and costs N instead of N².
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from fernn.flows._basis import harmonics

CACHE = 2**21  # bytes


@dataclass(frozen=True)
class _Function:
    """A complex basis function: its order, its profile, and the sign of its angle."""

    order: int
    profile: int
    sign: int


class Tables:
    """What depends on N and the basis alone.

    Args:
        basis: ``gauss`` or ``rings``.
        kernel: side, pixels.
        orientations: N.
    """

    def __init__(self, basis: str, kernel: int, orientations: int):
        order, self.real, self.imaginary = harmonics(basis, kernel)
        self.orders = order.tolist()
        self.count, self.reach = orientations, max(self.orders)
        self.outputs = orientations // 2 + 1
        self.functions = [
            _Function(sign * m, profile, sign)
            for profile, m in enumerate(self.orders)
            for sign in ((1, -1) if m else (1,))
        ]
        self._made: dict[tuple, tuple[Tensor, ...]] = {}

    def constants(self, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        r"""The transform, its inverse and the basis, as `like`.

        Returns:
            From orientations to real and imaginary parts of the frequencies
            :math:`-L \dots N/2 + L`; from those of :math:`0 \dots N/2` back; and
            kernels from the parts of a signal to those of its convolutions.
        """
        key = like.dtype, like.device
        if key not in self._made:
            with torch.inference_mode(False):
                made = self._transform(), self._inverse(), self._planes()
                self._made[key] = tuple(table.to(like) for table in made)
        forward, inverse, planes = self._made[key]
        return forward, inverse, planes

    def _transform(self) -> Tensor:
        place = torch.arange(self.count, dtype=torch.float64)
        wave = torch.arange(-self.reach, self.outputs + self.reach)
        angle = 2 * math.pi / self.count * (wave[:, None] * place)
        return torch.stack([angle.cos(), -angle.sin()], 1).flatten(0, 1)

    def _inverse(self) -> Tensor:
        place = torch.arange(self.count, dtype=torch.float64)
        wave = torch.arange(self.outputs)
        angle = 2 * math.pi / self.count * place[:, None] * wave
        twice = torch.where((wave == 0) | (2 * wave == self.count), 1.0, 2.0)
        pair = torch.stack([angle.cos() * twice, -angle.sin() * twice], -1)
        return pair.flatten(1) / self.count

    def _planes(self) -> Tensor:
        """(A ± i S) (p + i q), as ``((function part) part tall wide)``."""
        rows = []
        for function in self.functions:
            real = self.real[function.profile]
            imaginary = function.sign * self.imaginary[function.profile]
            rows += [torch.stack([real, -imaginary]), torch.stack([imaginary, real])]
        return torch.stack(rows)

    def mixing(
        self, weight: Float[Tensor, "function turn outputs inputs"]
    ) -> Float[Tensor, "frequency mixed reduced"]:
        """Real matrices that mix channels and basis functions at each frequency.

        Rows are real and imaginary parts of the outputs, columns those of the reduced
        planes, ``(part function inputs)``.
        """
        first, row = [], 0
        for m in self.orders:
            first.append(row)
            row += 2 if m else 1
        wave = torch.arange(self.outputs, dtype=torch.float64)
        turn = torch.arange(self.count, dtype=torch.float64)
        parts = []
        for function in self.functions:
            angle = 2 * math.pi / self.count * (wave[:, None] + function.order) * turn
            cos, sin = angle.cos().to(weight), angle.sin().to(weight)
            cosine = weight[first[function.profile]]
            a, b = _mix(cos, cosine), _mix(sin, cosine)
            if function.order:
                sine = function.sign * weight[first[function.profile] + 1]
                # ω = (w_c ∓ i w_s) / 2
                a, b = a + _mix(sin, sine), b - _mix(cos, sine)
                a, b = a / 2, b / 2
            parts.append((a, b))
        real = torch.stack([a for a, _ in parts], 2)
        imaginary = torch.stack([b for _, b in parts], 2)
        top = torch.stack([real, -imaginary], 2)
        bottom = torch.stack([imaginary, real], 2)
        both = torch.stack([top, bottom], 1)  # k, part out, o, part in, b, c
        return rearrange(both, "k p o q b c -> k (p o) (q b c)")

    def convolve(
        self,
        signal: Float[Tensor, "batch inputs height width"],
        mixing: Float[Tensor, "frequency mixed reduced"],
    ) -> Float[Tensor, "batch outputs height width"]:
        """The convolution, sample by sample; nothing in between is kept."""
        found = HarmonicConvolution.apply(signal, mixing, self)
        assert isinstance(found, Tensor)
        return found

    def reduce(self, spectrum: Tensor, planes: Tensor) -> Tensor:
        """Frequencies to basis functions: (frequency, (part function channel), pixel).

        Args:
            spectrum: ``(frequency, part, channel, height, width)``.
            planes: the real basis.
        """
        waves, _, channels, height, width = spectrum.shape
        shape = self.outputs, 2, len(self.functions), channels, height * width
        reduced = spectrum.new_empty(shape)
        for some in self._chunks(spectrum, planes):
            images = rearrange(spectrum[:, :, some], "k p c h w -> (k c) p h w")
            convolved = F.conv2d(images, planes, padding=planes.shape[-1] // 2)
            convolved = convolved.view(waves, -1, len(self.functions), 2, shape[-1])
            for place, function in enumerate(self.functions):
                own = convolved[self._slice(function), :, place]
                reduced[:, :, place, some] = own.transpose(1, 2)
        return reduced.view(self.outputs, -1, height * width)

    def spread(self, reduced: Tensor, planes: Tensor, shape: torch.Size) -> Tensor:
        """The adjoint of `reduce`."""
        waves, _, channels, height, width = shape
        functions, pixels = len(self.functions), height * width
        reduced = reduced.view(self.outputs, 2, functions, channels, pixels)
        flipped = planes.flip(-2, -1).transpose(0, 1).contiguous()
        found = reduced.new_empty(shape)
        for some in self._chunks(found, planes):
            count = min(some.stop, channels) - some.start
            convolved = reduced.new_zeros(waves, count, functions, 2, pixels)
            for place, function in enumerate(self.functions):
                own = reduced[:, :, place, some].transpose(1, 2)
                convolved[self._slice(function), :, place] = own
            images = convolved.view(-1, len(planes), height, width)
            with _without_mkldnn():
                each = F.conv2d(images, flipped, padding=planes.shape[-1] // 2)
            found[:, :, some] = rearrange(each, "(k c) p h w -> k p c h w", k=waves)
        return found

    def _chunks(self, spectrum: Tensor, planes: Tensor) -> Iterator[slice]:
        """Channels whose convolved planes stay in cache; on a GPU all of them."""
        waves, _, channels, height, width = spectrum.shape
        size = waves * len(planes) * height * width * spectrum.element_size()
        step = channels if spectrum.is_cuda else max(1, CACHE // size)
        for first in range(0, channels, step):
            yield slice(first, first + step)

    def _slice(self, function: _Function) -> slice:
        """The frequencies that become 0 … N/2."""
        begin = self.reach + function.order
        return slice(begin, begin + self.outputs)


@contextmanager
def _without_mkldnn() -> Iterator[None]:
    """For convolutions to one channel, where that library takes three times as long."""
    before = torch.backends.mkldnn.enabled
    torch.backends.mkldnn.enabled = False  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield
    finally:
        torch.backends.mkldnn.enabled = before  # pyright: ignore[reportAttributeAccessIssue]


def _mix(wave: Tensor, weight: Tensor) -> Tensor:
    """(frequency, turn) × (turn, output, input)."""
    return torch.tensordot(wave, weight, 1)


class HarmonicConvolution(torch.autograd.Function):
    """Saves the signal and the matrices; the reduced planes are made again."""

    @staticmethod
    def forward(ctx, signal, mixing, tables):
        ctx.save_for_backward(signal, mixing)
        ctx.tables = tables
        forward, inverse, planes = tables.constants(signal)
        found = []
        for piece in signal.unbind(0):
            reduced = tables.reduce(_spectrum(piece, forward, tables), planes)
            mixed = torch.bmm(mixing, reduced)
            mixed = rearrange(mixed, "k (p o) x -> (k p) (o x)", p=2)
            channels = mixing.shape[1] // 2 * tables.count
            found.append((inverse @ mixed).view(channels, *piece.shape[-2:]))
        return torch.stack(found)

    @staticmethod
    def backward(ctx, *gradients):
        signal, mixing = ctx.saved_tensors
        tables = ctx.tables
        forward, inverse, planes = tables.constants(signal)
        to_signal = torch.empty_like(signal)
        to_mixing = torch.zeros_like(mixing)
        transposed = mixing.transpose(1, 2)
        pairs = zip(signal.unbind(0), gradients[0].unbind(0), strict=True)
        for index, (piece, gradient) in enumerate(pairs):
            mixed = inverse.T @ gradient.reshape(tables.count, -1)
            outputs = mixing.shape[1] // 2
            mixed = rearrange(mixed, "(k p) (o x) -> k (p o) x", p=2, o=outputs)
            spectrum = _spectrum(piece, forward, tables)
            if ctx.needs_input_grad[1]:
                reduced = tables.reduce(spectrum, planes)
                to_mixing.baddbmm_(mixed, reduced.transpose(1, 2))
            if ctx.needs_input_grad[0]:
                back = torch.bmm(transposed, mixed)
                back = tables.spread(back, planes, spectrum.shape)
                turned = forward.T @ back.view(len(forward), -1)
                to_signal[index] = turned.view_as(piece)
        return to_signal, to_mixing, None


def _spectrum(piece: Tensor, forward: Tensor, tables: Tables) -> Tensor:
    """One sample's transform: (frequency, part, channel, height, width)."""
    found = forward @ piece.reshape(tables.count, -1)
    channels = piece.shape[0] // tables.count
    return found.view(len(forward) // 2, 2, channels, *piece.shape[-2:])
