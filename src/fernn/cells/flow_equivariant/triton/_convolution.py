"""A kernel that shifts, wraps, convolves, adds and rectifies, and copies nothing.

A convolution is a matrix product whose rows are gathered: of each pixel, the hidden
channels at the kernel's places around it. Here the rows are loaded from where a slot's
velocity puts them, so neither the moved nor the padded state is ever in memory.
"""

# The compiler of kernels has types of its own, and is not for every system.
# pyright: reportOperatorIssue=false, reportCallIssue=false, reportMissingImports=false

from __future__ import annotations

import torch
import triton
import triton.language as tl
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor

from fernn.cells.flow_equivariant._gather import ChannelsLast

PIXELS = 128  # of a block


def convolve(
    state: ChannelsLast,
    weight: Float[Tensor, "to hidden kernel kernel"],
    offsets: Int[Tensor, "velocity 2"],
    lifted: Float[Tensor, "batch slots height width to"] | None = None,
    rectify: bool = False,
) -> ChannelsLast:
    """Every slot moved, convolved on the torus, the lifted input added, and rectified.

    Args:
        state: contiguous.
        weight: of the convolution, rounded to the state's precision.
        offsets: rows and columns of the torus from an output pixel back to the first
            place its kernel reads, from zero to less than its height and width.
        lifted: added, of one slot for all or of each; None adds nothing.
        rectify: whether negative numbers become zero.
    """
    batch, slots, height, width, hidden = state.shape
    to, side = weight.shape[0], weight.shape[-1]
    taps = rearrange(weight.to(state.dtype), "o i a b -> (a b) i o").contiguous()
    result = state.new_empty(batch, slots, height, width, to)
    pixels = batch * slots * height * width
    double = state.dtype == torch.float64
    exact = double or not torch.backends.cudnn.allow_tf32
    # Products without tensor cores keep their factors in registers: these are too few
    # for blocks twice as deep. (Of half precision they are always products of cores.)
    single = state.dtype in (torch.float32, torch.float64)
    wide, deep = block(to), block(hidden, most=32 if exact and single else 64)
    _convolve[(triton.cdiv(pixels, PIXELS), triton.cdiv(to, wide))](
        state, taps, offsets, state if lifted is None else lifted.contiguous(), result,
        pixels, height, width, slots, hidden, to,
        0 if lifted is None else lifted.shape[1],
        SIDE=side, LIFTED=lifted is not None, RECTIFY=rectify,
        PIXELS=PIXELS, WIDE=wide, DEEP=deep,
        SUM=tl.float64 if double else tl.float32,
        PRODUCTS="ieee" if exact else "tf32",
        num_warps=8, num_stages=3,
    )  # fmt: skip
    return result


def block(channels: int, most: int = 128) -> int:
    """Channels of a block: a power of two that a tensor core takes."""
    return min(most, max(16, triton.next_power_of_2(channels)))


@triton.jit
def _convolve(
    state, taps, offsets, lifted, result,
    pixels, height, width, slots, hidden, to, lifted_slots,
    SIDE: tl.constexpr, LIFTED: tl.constexpr, RECTIFY: tl.constexpr,
    PIXELS: tl.constexpr, WIDE: tl.constexpr, DEEP: tl.constexpr,
    SUM: tl.constexpr, PRODUCTS: tl.constexpr,
):  # fmt: skip
    """One block: some pixels of all images, some output channels."""
    pixel = tl.program_id(0).to(tl.int64) * PIXELS + tl.arange(0, PIXELS)
    channel = tl.program_id(1) * WIDE + tl.arange(0, WIDE)
    inside, written = pixel < pixels, channel < to
    area = height * width
    image, place = pixel // area, pixel % area
    slot = image % slots
    row = place // width + height - tl.load(offsets + 2 * slot, inside, 0)
    column = place % width + width - tl.load(offsets + 2 * slot + 1, inside, 0)
    total = tl.zeros((PIXELS, WIDE), SUM)
    for tap in range(SIDE * SIDE):
        read = (row + tap // SIDE) % height * width + (column + tap % SIDE) % width
        source = (image * area + read) * hidden
        for first in range(0, hidden, DEEP):
            depth = first + tl.arange(0, DEEP)
            known = depth < hidden
            values = tl.load(
                state + source[:, None] + depth[None],
                inside[:, None] & known[None], 0,
            )  # fmt: skip
            weights = tl.load(
                taps + (tap * hidden + depth)[:, None] * to + channel[None],
                known[:, None] & written[None], 0,
            )  # fmt: skip
            total += tl.dot(values, weights, input_precision=PRODUCTS, out_dtype=SUM)
    whole = inside[:, None] & written[None]
    if LIFTED:
        lifted_image = image // slots * lifted_slots + tl.minimum(
            slot, lifted_slots - 1
        )
        place_of = (lifted_image * area + place) * to
        total += tl.load(lifted + place_of[:, None] + channel[None], whole, 0).to(SUM)
    if RECTIFY:  # not-a-number stays, as it does elsewhere
        total = tl.where(total < 0, 0, total)
    target = result + (pixel * to)[:, None] + channel[None]
    tl.store(target, total.to(result.dtype.element_ty), whole)
