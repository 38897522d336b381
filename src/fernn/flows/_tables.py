"""What the harmonic convolution knows of N and a basis: transforms, kernels, mixing."""

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

from fernn.flows._basis import Basis, harmonics

CACHE = 2**23  # bytes


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

    def __init__(self, basis: Basis, kernel: int, orientations: int):
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
        planes, ``(inputs function part)``.
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
        return rearrange(both, "k p o q b c -> k (p o) (c b q)")

    def reduce(
        self, spectrum: Float[Tensor, "wave part some height width"], planes: Tensor
    ) -> Float[Tensor, "frequency reduced pixel"]:
        r"""Frequencies of some channels to their convolutions with the basis.

        Args:
            spectrum: of the frequencies :math:`-L \dots N/2 + L`.
            planes: the kernels, see `constants`.
        """
        waves, _, some, height, width = spectrum.shape
        images = rearrange(spectrum, "k p c h w -> (k c) p h w")
        convolved = F.conv2d(images, planes, padding=planes.shape[-1] // 2)
        convolved = convolved.view(waves, some, len(self.functions), 2, -1)
        reduced = convolved.new_empty(self.outputs, *convolved.shape[1:])
        for place, function in enumerate(self.functions):
            reduced[:, :, place] = convolved[self._slice(function), :, place]
        return reduced.view(self.outputs, -1, height * width)

    def spread(
        self,
        reduced: Float[Tensor, "frequency reduced pixel"],
        planes: Tensor,
        shape: torch.Size,
    ) -> Float[Tensor, "wave part some height width"]:
        """The adjoint of `reduce`, to a spectrum of that shape."""
        waves, _, some, height, width = shape
        reduced = reduced.view(self.outputs, some, len(self.functions), 2, -1)
        convolved = reduced.new_zeros(waves, *reduced.shape[1:])
        for place, function in enumerate(self.functions):
            convolved[self._slice(function), :, place] = reduced[:, :, place]
        images = convolved.view(-1, len(planes), height, width)
        flipped = planes.flip(-2, -1).transpose(0, 1).contiguous()
        with _without_mkldnn():
            found = F.conv2d(images, flipped, padding=planes.shape[-1] // 2)
        return rearrange(found, "(k c) p h w -> k p c h w", k=waves)

    def chunks(self, spectrum: Tensor) -> Iterator[tuple[slice, slice]]:
        """Channels whose convolutions stay in cache; on a GPU all of them.

        With each the columns of `mixing` that they have.
        """
        waves, _, channels, height, width = spectrum.shape
        columns = 2 * len(self.functions)
        size = waves * columns * height * width * spectrum.element_size()
        step = channels if spectrum.is_cuda else max(1, CACHE // size)
        for first in range(0, channels, step):
            last = min(first + step, channels)
            yield slice(first, last), slice(columns * first, columns * last)

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
