"""The gradient of the harmonic product's matrices, without storing a reduced plane."""

# The compiler of kernels has types of its own, and is not for every system.
# pyright: reportOperatorIssue=false, reportCallIssue=false, reportMissingImports=false
# pyright: reportArgumentType=false

from __future__ import annotations

from typing import no_type_check

import torch
import triton
import triton.language as tl
from jaxtyping import Float, Int
from torch import Tensor

from fernn.flows._implicit import PIXELS, Spectrum, block, constants, reduced

SPLITS = 8  # parts of the images, each summed apart


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
