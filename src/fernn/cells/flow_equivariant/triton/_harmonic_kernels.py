r"""The harmonic product with reduced planes that are never stored.

.. math::
    Y_k = \sum_b M_{k b}\, (\varphi_b \star X_{k + m_b})

A product with matrices M over real and imaginary parts of channels. Here a block of
:math:`\varphi_b \star X_{k + m_b}` is made where it is multiplied: the spectrum X is
read at the shifted frequency, around each pixel, zero beyond the frame.
"""

# The compiler of kernels has types of its own, and is not for every system.
# pyright: reportOperatorIssue=false, reportCallIssue=false, reportMissingImports=false
# pyright: reportArgumentType=false

from __future__ import annotations

from typing import Any, no_type_check

import torch
import triton
import triton.language as tl
from jaxtyping import Float, Int
from torch import Tensor

from fernn.cells.flow_equivariant.triton._convolution import block

PIXELS = 128  # of a block
SPLITS = 8  # parts of the images, each summed apart

Spectrum = Float[Tensor, "image wave 2 channel height width"]


def mix(
    spectrum: Spectrum,
    matrices: Float[Tensor, "frequency function 2 channel row"],
    taps: Float[Tensor, "function 2 2 side side"],
    shifts: Int[Tensor, " function"],
    outputs: int,
    ahead: bool,
) -> Float[Tensor, "image outputs row pixel"]:
    """All images' products; accumulates in single precision at least.

    Args:
        spectrum: contiguous; beyond its frequencies there is nothing.
        matrices: contiguous, rounded to the spectrum's precision.
        taps: kernels from parts of the spectrum to parts of the reduced planes.
        shifts: from the frequency of a product to that of the spectrum it reads.
        outputs: how many frequencies of products.
        ahead: whether the matrices are those of the products' frequencies; otherwise
            of the spectrum's, as for the gradient.
    """
    images, waves, _, channels, height, width = spectrum.shape
    rows, area = matrices.shape[-1], height * width
    result = spectrum.new_empty(images, outputs, rows, area)
    wide, others = block(rows), constants(spectrum, taps, block(channels, 32))
    _mix[(images * triton.cdiv(area, PIXELS), outputs, triton.cdiv(rows, wide))](
        spectrum, matrices, taps.contiguous(), shifts, result,
        waves, channels, height, width, rows,
        AHEAD=ahead, WIDE=wide, **others,
    )  # fmt: skip
    return result


def constants(spectrum: Tensor, taps: Tensor, deep: int) -> dict[str, Any]:
    """What both kernels are compiled for."""
    double = spectrum.dtype == torch.float64
    exact = double or not torch.backends.cuda.matmul.allow_tf32
    return {
        "FUNCTIONS": taps.shape[0],
        "SIDE": taps.shape[-1],
        "PIXELS": PIXELS,
        "DEEP": deep,
        "SUM": tl.float64 if double else tl.float32,
        "PRODUCTS": "ieee" if exact else "tf32",
        "num_warps": 8,
    }


@triton.jit
@no_type_check  # wrapped for checks, they would not find each other
def reduced(
    plane, taps, pixel, channel, channels, height, width,
    SIDE: tl.constexpr, PIXELS: tl.constexpr, DEEP: tl.constexpr, SUM: tl.constexpr,
):  # fmt: skip
    """A block of one function's planes, ``(pixel, channel)``: both of their parts."""
    area = height * width
    real, imaginary = tl.zeros((PIXELS, DEEP), SUM), tl.zeros((PIXELS, DEEP), SUM)
    for tap in range(SIDE * SIDE):
        down, right = tap // SIDE - SIDE // 2, tap % SIDE - SIDE // 2
        row, column = pixel // width + down, pixel % width + right
        inside = (row >= 0) & (row < height) & (column >= 0) & (column < width)
        known = (inside & (pixel < area))[:, None] & (channel < channels)[None]
        # In this form the compiler sees that pixels follow each other.
        place = (pixel + down * width + right)[:, None] + (channel * area)[None]
        one = tl.load(plane + place, known, 0).to(SUM)
        other = tl.load(plane + channels * area + place, known, 0).to(SUM)
        weight, step = taps + tap, SIDE * SIDE
        real += tl.load(weight) * one + tl.load(weight + step) * other
        weight += 2 * step
        imaginary += tl.load(weight) * one + tl.load(weight + step) * other
    return real, imaginary


@triton.jit
@no_type_check
def _mix(
    spectrum, matrices, taps, shifts, result, waves, channels, height, width, rows,
    AHEAD: tl.constexpr, FUNCTIONS: tl.constexpr, SIDE: tl.constexpr,
    PIXELS: tl.constexpr, WIDE: tl.constexpr, DEEP: tl.constexpr,
    SUM: tl.constexpr, PRODUCTS: tl.constexpr,
):  # fmt: skip
    """One block: some pixels of an image, some rows, at one frequency."""
    area = height * width
    blocks = tl.cdiv(area, PIXELS)
    image = (tl.program_id(0) // blocks).to(tl.int64)
    pixel = tl.program_id(0) % blocks * PIXELS + tl.arange(0, PIXELS)
    row = tl.program_id(2) * WIDE + tl.arange(0, WIDE)
    wave = tl.program_id(1)
    total = tl.zeros((PIXELS, WIDE), SUM)
    for function in range(FUNCTIONS):
        source = wave + tl.load(shifts + function)
        if (source >= 0) & (source < waves):
            plane = spectrum + (image * waves + source) * 2 * channels * area
            weights = taps + function * 4 * SIDE * SIDE
            matrix = (wave if AHEAD else source) * FUNCTIONS + function
            for first in range(0, channels, DEEP):
                channel = first + tl.arange(0, DEEP)
                real, imaginary = reduced(
                    plane, weights, pixel, channel, channels, height, width,
                    SIDE, PIXELS, DEEP, SUM,
                )  # fmt: skip
                place = (matrix * 2 * channels + channel)[:, None] * rows + row[None]
                known = (channel < channels)[:, None] & (row < rows)[None]
                to_real = tl.load(matrices + place, known, 0)
                to_other = tl.load(matrices + channels * rows + place, known, 0)
                total += tl.dot(
                    real.to(matrices.dtype.element_ty), to_real,
                    input_precision=PRODUCTS, out_dtype=SUM,
                )  # fmt: skip
                total += tl.dot(
                    imaginary.to(matrices.dtype.element_ty), to_other,
                    input_precision=PRODUCTS, out_dtype=SUM,
                )  # fmt: skip
    target = (image * tl.num_programs(1) + wave) * rows * area
    place = target + pixel[:, None] + (row * area)[None]
    written = (pixel < area)[:, None] & (row < rows)[None]
    tl.store(result + place, total.to(result.dtype.element_ty), written)


def matrix_gradient(
    spectrum: Spectrum,
    gradient: Float[Tensor, "image frequency row pixel"],
    taps: Float[Tensor, "function 2 2 side side"],
    shifts: Int[Tensor, " function"],
) -> Float[Tensor, "frequency function 2 channel row"]:
    """The gradient of the matrices from that of the products; see `mix`.

    Parts of the images are summed apart, so that the sum is the same in every run.
    """
    images, waves, _, channels, height, width = spectrum.shape
    _, outputs, rows, area = gradient.shape
    deep, wide = block(channels, 32), block(rows)
    others = constants(spectrum, taps, deep)
    functions = len(taps)
    exact = torch.promote_types(spectrum.dtype, torch.float32)
    blocks = images * triton.cdiv(area, PIXELS)
    splits = min(SPLITS, blocks)
    shape = splits, outputs, functions, 2, channels, rows
    result = spectrum.new_empty(shape, dtype=exact)
    sides = triton.cdiv(channels, deep), triton.cdiv(rows, wide)
    _matrix_gradient[(sides[0] * sides[1], outputs * functions, splits)](
        spectrum, gradient.contiguous(), taps.contiguous(), shifts, result,
        blocks, waves, channels, height, width, rows, outputs, splits,
        WIDE=wide, **others,
    )  # fmt: skip
    return result.sum(0)


@triton.jit
@no_type_check
def _matrix_gradient(
    spectrum, gradient, taps, shifts, result,
    blocks, waves, channels, height, width, rows, outputs, splits,
    FUNCTIONS: tl.constexpr, SIDE: tl.constexpr, PIXELS: tl.constexpr,
    WIDE: tl.constexpr, DEEP: tl.constexpr, SUM: tl.constexpr, PRODUCTS: tl.constexpr,
):  # fmt: skip
    """One block: some channels and rows, of a function, at one frequency."""
    area = height * width
    of_image = tl.cdiv(area, PIXELS)
    across = tl.cdiv(rows, WIDE)
    channel = tl.program_id(0) // across * DEEP + tl.arange(0, DEEP)
    row = tl.program_id(0) % across * WIDE + tl.arange(0, WIDE)
    wave, function = tl.program_id(1) // FUNCTIONS, tl.program_id(1) % FUNCTIONS
    source = wave + tl.load(shifts + function)
    to_real, to_other = tl.zeros((DEEP, WIDE), SUM), tl.zeros((DEEP, WIDE), SUM)
    for part in range(tl.program_id(2), blocks, splits):
        image = (part // of_image).to(tl.int64)
        pixel = part % of_image * PIXELS + tl.arange(0, PIXELS)
        plane = spectrum + (image * waves + source) * 2 * channels * area
        real, imaginary = reduced(
            plane, taps + function * 4 * SIDE * SIDE, pixel, channel,
            channels, height, width, SIDE, PIXELS, DEEP, SUM,
        )  # fmt: skip
        place = (image * outputs + wave) * rows * area
        incoming = tl.load(
            gradient + place + pixel[:, None] + (row * area)[None],
            (pixel < area)[:, None] & (row < rows)[None], 0,
        )  # fmt: skip
        to_real += tl.dot(
            tl.trans(real.to(incoming.dtype)), incoming,
            input_precision=PRODUCTS, out_dtype=SUM,
        )  # fmt: skip
        to_other += tl.dot(
            tl.trans(imaginary.to(incoming.dtype)), incoming,
            input_precision=PRODUCTS, out_dtype=SUM,
        )  # fmt: skip
    matrix = tl.program_id(2) * outputs * FUNCTIONS + tl.program_id(1)
    place = (matrix * 2 * channels + channel)[:, None] * rows + row[None]
    written = (channel < channels)[:, None] & (row < rows)[None]
    tl.store(result + place, to_real, written)
    tl.store(result + channels * rows + place, to_other, written)
