"""A recurrent step as a product of spectra, beside the convolution of `fused`.

On the torus a circular convolution multiplies spectra, and the shift of a slot by ν
pixels multiplies the frequency k by exp(-2πi k·ν / size). Two ways to transform:
discrete Fourier transforms as matrix products, which a GPU does in any precision, and
the library's FFT, in single precision or better.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from statistics import median
from typing import Any

import torch
from torch import Tensor

from fernn.cells import FusedCell
from fernn.devices import allow_rounding
from fernn.flows import Velocity
from fernn.flows.translation import Translation, square
from fernn_bench.meters import interleaved
from gpu_sitting.sizes import Sizes

WIDTHS = (32, 128, 256)
DTYPES = {
    "float32": torch.float32,
    "tf32": torch.float32,
    "bfloat16": torch.bfloat16,
}
Step = Callable[[Tensor], Tensor]


def rows(sizes: Sizes, device: torch.device) -> Iterator[tuple[str, dict[str, float]]]:
    """For each width and precision: milliseconds of a step and back, and errors.

    Args:
        sizes: of frames and batch; V is that of FERNN-V2.
        device: the card.
    """
    widths = WIDTHS if sizes.hidden > min(WIDTHS) else (sizes.hidden,)
    for hidden, precision in product(widths, DTYPES):
        allow_rounding(precision == "tf32")
        yield (
            f"{hidden}, {precision}",
            _row(replace(sizes, hidden=hidden), precision, device),
        )


def _row(sizes: Sizes, precision: str, device: torch.device) -> dict[str, float]:
    flow = Translation(square(2), sizes.frame)
    torch.manual_seed(0)
    cell = FusedCell(flow, hidden=sizes.hidden, activation="relu").to(device)
    kernel = cell.state_dict()["conv_h.weight"].clone()
    shape = sizes.batch, len(flow.velocities), sizes.hidden, sizes.frame, sizes.frame
    state = torch.randn(shape, device=device)
    exact = cell.double()(None, state[:1].double()).detach()
    cell.to(DTYPES[precision])
    forms: dict[str, tuple[Any, Step, Step]] = {
        "direct": (lambda x: x, lambda x: cell(None, x), lambda x: x)
    }
    ways = [by_products, *([by_fft] if precision == "float32" else [])]
    for way in ways:
        forms[way.__name__] = way(flow.velocities, kernel, DTYPES[precision])
    found, calls = {}, {}
    for name, (begin, step, end) in forms.items():
        few = end(step(begin(state[:1].to(DTYPES[precision])))).double()
        found[f"{name}, error"] = ((few - exact).norm() / exact.norm()).item()
        calls[name] = _call(step, begin(state.to(DTYPES[precision])), device)
    seconds = interleaved(calls, sizes.rounds, time.perf_counter)
    return found | {f"{name}, ms": 1e3 * median(seconds[name]) for name in calls}


def _call(step: Step, state: Tensor, device: torch.device) -> Callable[[], None]:
    """A step forward, and back to its state."""
    state = state.detach().contiguous().requires_grad_()

    def call() -> None:
        stepped = step(state)
        torch.autograd.grad(stepped, state, torch.ones_like(stepped))
        if device.type == "cuda":
            torch.cuda.synchronize()

    return call


def by_products(
    velocities: Sequence[Velocity], kernel: Tensor, dtype: torch.dtype
) -> tuple[Step, Step, Step]:
    """Transforms as matrix products, three real products for a complex one.

    Args:
        velocities: of the slots, in any fraction of a pixel.
        kernel: outputs × inputs × 3 × 3.
        dtype: of all factors.

    Returns:
        Functions: a state (batch × slot × channel × row × column) in this form's order
        of memory (row × column × slot and sequence × channel), a step, and back.
    """

    def begin(state: Tensor) -> Tensor:
        return state.permute(3, 4, 1, 0, 2).flatten(2, 3)

    def end(state: Tensor) -> Tensor:
        split = state.unflatten(2, (len(velocities), -1))
        return split.permute(3, 2, 4, 0, 1)

    made: dict[int, Step] = {}

    def step(state: Tensor) -> Tensor:
        size = state.shape[0]
        if size not in made:
            made[size] = _Products(size, velocities, kernel, dtype)
        return made[size](state)

    return begin, step, end


class _Products:
    def __init__(self, size: int, velocities: Any, kernel: Tensor, dtype: torch.dtype):
        self.half = size // 2 + 1
        spectrum, phase = _spectra(size, velocities, kernel)
        there = _transform(size, kernel.device)
        inner = torch.full((self.half,), 2.0, dtype=torch.float64)
        inner[0] = 1
        if size % 2 == 0:
            inner[-1] = 1
        back = there[: self.half].conj() * inner.to(kernel.device)[:, None] / size
        factors = {
            "columns": torch.cat([there.real[: self.half], there.imag[: self.half]]),
            "rows": torch.cat([there.real, there.imag]),
            "rows_back": torch.cat([there.real, -there.imag]) / size,
            "columns_back": torch.cat([back.real, -back.imag]).T,
            "summed": spectrum.real,
            "less": spectrum.imag - spectrum.real,
            "more": spectrum.imag + spectrum.real,
            "turn": phase.real,
            "turn_over": phase.imag,
        }
        for name, factor in factors.items():
            setattr(self, name, factor.to(dtype).contiguous())

    def __call__(self: Any, state: Tensor) -> Tensor:
        size, _, images, channels = state.shape
        lines = self.columns @ state.reshape(size, size, -1)
        real, imaginary = self._complex(self.rows, lines)
        real, imaginary = self._multiplied(real, imaginary, images, channels)
        real, imaginary = self._turned(real, imaginary)
        lines = torch.cat([real, imaginary], 1)
        real, imaginary = self._complex(self.rows_back, lines)
        found = self.columns_back @ torch.cat([real, imaginary], 1)
        return found.view(state.shape).relu()

    def _complex(self: Any, factor: Tensor, lines: Tensor) -> tuple[Tensor, Tensor]:
        """Of real and imaginary parts along the second axis, transformed along rows."""
        size = lines.shape[0]
        found = (factor @ lines.reshape(size, -1)).view(2, size, *lines.shape[1:])
        one, other = found[:, :, : self.half], found[:, :, self.half :]
        return one[0] - other[1], other[0] + one[1]

    def _multiplied(
        self: Any, real: Tensor, imaginary: Tensor, images: int, channels: int
    ) -> tuple[Tensor, Tensor]:
        x, y = (part.reshape(-1, images, channels) for part in (real, imaginary))
        both = (x + y) @ self.summed
        return both - y @ self.more, both + x @ self.less

    def _turned(self: Any, real: Tensor, imaginary: Tensor) -> tuple[Tensor, Tensor]:
        slots = self.turn.shape[1]
        x, y = (part.unflatten(1, (slots, -1)) for part in (real, imaginary))
        turned = (
            x * self.turn - y * self.turn_over,
            x * self.turn_over + y * self.turn,
        )
        one, other = (part.reshape(-1, self.half, part[0].numel()) for part in turned)
        return one, other


def by_fft(
    velocities: Sequence[Velocity], kernel: Tensor, dtype: torch.dtype
) -> tuple[Step, Step, Step]:
    """The same with the library's FFT and its product of complex matrices."""
    made: dict[int, tuple[Tensor, Tensor]] = {}
    wide = torch.complex128 if dtype == torch.float64 else torch.complex64

    def step(state: Tensor) -> Tensor:
        size = state.shape[-1]
        if size not in made:
            spectra = _spectra(size, velocities, kernel)
            made[size] = spectra[0].to(wide), spectra[1].to(wide)
        spectrum, phase = made[size]
        found = torch.fft.rfft2(state)
        batch, slots, channels = found.shape[:3]
        product = found.permute(3, 4, 1, 0, 2).reshape(-1, slots * batch, channels)
        product = (product @ spectrum).unflatten(1, (slots, batch)) * phase
        product = product.view(size, -1, slots, batch, channels).permute(3, 2, 4, 0, 1)
        return torch.fft.irfft2(product, s=(size, size)).relu()

    return (lambda state: state), step, (lambda state: state)


def _transform(size: int, device: torch.device) -> Tensor:
    """The matrix of the discrete Fourier transform, in double precision."""
    place = torch.arange(size, dtype=torch.float64, device=device)
    angle = -2 * math.pi / size * torch.outer(place, place)
    return torch.polar(torch.ones_like(angle), angle)


def _spectra(size: int, velocities: Any, kernel: Tensor) -> tuple[Tensor, Tensor]:
    """Of the kernel, frequency × input × output, and of shifts, × slot × 1 × 1."""
    half = size // 2 + 1
    frequency = torch.fft.fftfreq(size, 1 / size, dtype=torch.float64)
    rows, columns = torch.meshgrid(frequency, frequency[:half], indexing="ij")
    grid = torch.stack([rows, columns], -1).reshape(-1, 2).to(kernel.device)

    def waves(offsets: Any, sign: int) -> Tensor:
        places = torch.tensor(offsets, dtype=torch.float64, device=kernel.device)
        angle = sign * 2 * math.pi / size * (grid @ places.T)
        return torch.polar(torch.ones_like(angle), angle)

    reach = kernel.shape[-1] // 2
    taps = list(product(range(-reach, reach + 1), repeat=2))
    weights = kernel.double().flatten(2).permute(2, 1, 0)  # tap × input × output
    spectrum = torch.einsum("ft,tio->fio", waves(taps, 1), weights.to(torch.complex128))
    return spectrum, waves(velocities, -1)[:, :, None, None]
