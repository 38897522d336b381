"""The maxima over V of a state moved by several numbers of steps, by GPU kernels.

Torch would copy the moved state for every number of steps, forward and backward. Here
the state is read where the velocities put it, and its gradient is written once.
"""

# The compiler of kernels has types of its own, and is not for every system.
# pyright: reportOperatorIssue=false, reportCallIssue=false, reportMissingImports=false
# pyright: reportArgumentType=false

from __future__ import annotations

import torch
import triton
import triton.language as tl
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from fernn.cells.flow_equivariant._gather import ChannelsLast

Maxima = Float[Tensor, "batch ahead height width _"]
PIXELS = 16  # of a block


class MovedMaxima(torch.autograd.Function):
    r"""Of each :math:`j`, :math:`\max_\nu \psi_j(\nu) \cdot h(\nu)`; ties share."""

    @staticmethod
    def forward(
        ctx,
        state: ChannelsLast,
        velocities: Int[Tensor, "velocity 2"],
        ahead: Int[Tensor, " ahead"],
    ) -> Maxima:
        """`velocities` in pixels per step, `ahead` the numbers of steps."""
        batch, slots, height, width, hidden = state.shape
        shape = batch, len(ahead), height, width, hidden
        maxima = state.new_empty(shape)
        counts = torch.empty(shape, dtype=torch.int16, device=state.device)
        grid, wide = _launch(height * width, batch * len(ahead), hidden)
        _forward[grid](
            state, velocities, ahead, maxima, counts,
            height, width, slots, len(ahead), hidden, PIXELS=PIXELS, WIDE=wide,
        )  # fmt: skip
        ctx.save_for_backward(state, velocities, ahead, maxima, counts)
        return maxima

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Maxima):
        """The gradient of the state."""
        state, velocities, ahead, maxima, counts = ctx.saved_tensors
        batch, slots, height, width, hidden = state.shape
        shares = (gradient / counts).to(state.dtype).contiguous()
        result = torch.empty_like(state)
        grid, wide = _launch(height * width, batch * slots, hidden)
        double = state.dtype == torch.float64
        _backward[grid](
            state, velocities, ahead, maxima, shares, result,
            height, width, slots, len(ahead), hidden, PIXELS=PIXELS, WIDE=wide,
            SUM=tl.float64 if double else tl.float32,
        )  # fmt: skip
        return result, None, None


def _launch(area: int, images: int, hidden: int) -> tuple[tuple[int, int], int]:
    """The grid, pixels of one image after the other, and channels of a block."""
    wide = max(16, triton.next_power_of_2(hidden))
    return (triton.cdiv(area, PIXELS), images), wide


@triton.jit
def _forward(
    state, velocities, ahead, maxima, counts,
    height, width, slots, aheads, hidden,
    PIXELS: tl.constexpr, WIDE: tl.constexpr,
):  # fmt: skip
    """Some pixels of one sample after one number of steps."""
    pixel = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    channel = tl.arange(0, WIDE)
    image = tl.program_id(1).to(tl.int64)
    area = height * width
    steps = tl.load(ahead + image % aheads)
    mask = (pixel < area)[:, None] & (channel < hidden)[None]
    row, column = pixel // width, pixel % width
    largest = tl.full((PIXELS, WIDE), float("-inf"), state.dtype.element_ty)
    count = tl.zeros((PIXELS, WIDE), tl.int32)
    for slot in range(slots):
        rows = tl.load(velocities + 2 * slot) * steps % height
        columns = tl.load(velocities + 2 * slot + 1) * steps % width
        source = (row - rows + height) % height * width
        source += (column - columns + width) % width
        first = (image // aheads * slots + slot) * area
        places = ((first + source) * hidden)[:, None] + channel[None]
        values = tl.load(state + places, mask, 0)
        above = values > largest
        count = tl.where(above, 1, count + (values == largest).to(tl.int32))
        largest = tl.where(above, values, largest)
        # Not-a-number stays, as it does elsewhere.
        largest = tl.where(values == values, largest, values)
    target = ((image * area + pixel) * hidden)[:, None] + channel[None]
    tl.store(maxima + target, largest, mask)
    tl.store(counts + target, count.to(tl.int16), mask)


@triton.jit
def _backward(
    state, velocities, ahead, maxima, shares, result,
    height, width, slots, aheads, hidden,
    PIXELS: tl.constexpr, WIDE: tl.constexpr, SUM: tl.constexpr,
):  # fmt: skip
    """Some pixels of one slot of one sample."""
    pixel = tl.program_id(0) * PIXELS + tl.arange(0, PIXELS)
    channel = tl.arange(0, WIDE)
    image = tl.program_id(1).to(tl.int64)
    area = height * width
    slot = image % slots
    mask = (pixel < area)[:, None] & (channel < hidden)[None]
    row, column = pixel // width, pixel % width
    own = ((image * area + pixel) * hidden)[:, None] + channel[None]
    values = tl.load(state + own, mask, 0)
    total = tl.zeros((PIXELS, WIDE), SUM)
    for index in range(aheads):
        steps = tl.load(ahead + index)
        rows = tl.load(velocities + 2 * slot) * steps % height
        columns = tl.load(velocities + 2 * slot + 1) * steps % width
        target = (row + rows + height) % height * width
        target += (column + columns + width) % width
        first = (image // slots * aheads + index) * area
        places = ((first + target) * hidden)[:, None] + channel[None]
        largest = tl.load(maxima + places, mask, 0)
        share = tl.load(shares + places, mask, 0).to(SUM)
        total += tl.where(values == largest, share, 0)
    tl.store(result + own, total.to(result.dtype.element_ty), mask)
