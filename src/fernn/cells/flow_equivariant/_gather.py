"""Reading a state from where its slots' velocities put it, channels last in memory.

A step calls these a few dozen times, so they are torch's own operations: a pattern of
axes would cost as much as a small copy.

The maximum over V and its gradient are computed in chunks that stay in the cache.
Torch's own gradient of `amax` compares, counts, divides and multiplies arrays of the
size of the state one after the other, each from memory, and counts in integers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from fernn.cells._base import State
from fernn.cells.flow_equivariant import _trust
from fernn.flows import Frame, Velocity

WORD = 16  # bytes of the largest number that torch copies
CACHE = 2**22  # bytes of a state that are worked on at once on a processor

ChannelsLast = Float[Tensor, "batch velocity height width _"]
PooledChannelsLast = Float[Tensor, "batch height width hidden"]
Table = Int[Tensor, " rows"]  # of `sources`


def sources(
    velocities: Sequence[Velocity], frame: Frame, margin: int, shared: bool = False
) -> Table:
    """For each slot and padded pixel, the row of the flattened state it comes from.

    Args:
        velocities: the shift of each slot, pixels.
        frame: height and width, pixels.
        margin: width of the wrapped border, pixels.
        shared: the state has one slot, which every shift reads.
    """
    height, width = frame
    down = torch.arange(-margin, height + margin)
    along = torch.arange(-margin, width + margin)
    tables = []
    for slot, (rows, columns) in enumerate(velocities):
        row, column = (down - rows) % height, (along - columns) % width
        first = 0 if shared else slot * height * width
        tables.append((first + row[:, None] * width + column).flatten())
    return torch.cat(tables)


def opposite(velocities: Sequence[Velocity]) -> list[Velocity]:
    """The velocities that undo these."""
    return [tuple(-component for component in velocity) for velocity in velocities]


def gather(
    state: ChannelsLast, table: Table, slots: int, margin: int = 0
) -> Float[Tensor, "batch slots tall wide _"]:
    """Read rows of `hidden` numbers from the places a table of `sources` names."""
    batch, _, height, width, hidden = state.shape
    rows = _select(state.flatten(1, 3), table)
    return rows.view(batch, slots, height + 2 * margin, width + 2 * margin, hidden)


def _select(rows: Tensor, table: Table) -> Tensor:
    """The rows of each sample that a table names; the same bits on every device.

    A GPU moves a number per thread, so it is given the largest there are, 16 bytes.
    """
    wide = WORD // rows.element_size()
    if rows.device.type != _trust.ACCELERATOR or rows.shape[-1] % wide:
        return rows.index_select(1, table)
    # Rows of one slot may be a view whose channels are not last in memory.
    words = rows.contiguous().view(torch.complex128).index_select(1, table)
    return words.view(rows.dtype)


def images(
    state: Float[Tensor, "batch velocity height width hidden"],
) -> Float[Tensor, "sample hidden height width"]:
    """Slots as images, channels last in memory: a view."""
    return state.flatten(0, 1).permute(0, 3, 1, 2)


def slots_of(
    images: Float[Tensor, "sample hidden height width"], batch: int
) -> Float[Tensor, "batch velocity height width hidden"]:
    """The inverse of `images`: a view."""
    return images.permute(0, 2, 3, 1).unflatten(0, (batch, -1))


def channels_last(state: State) -> ChannelsLast:
    """The state with its channels last in memory; no copy if they are already."""
    return state.permute(0, 1, 3, 4, 2).contiguous()


def channels_third(state: ChannelsLast) -> State:
    """The inverse of `channels_last`: a view."""
    return state.permute(0, 1, 4, 2, 3)


def cache_chunks(state: ChannelsLast) -> Iterator[slice]:
    """Samples that fit in the cache together; all of them on an accelerator."""
    step = len(state)
    if state.device.type == "cpu":
        step = max(1, CACHE // (state[0].numel() * state.element_size()))
    for first in range(0, len(state), step):
        yield slice(first, first + step)


def winners(
    state: ChannelsLast, maximum: PooledChannelsLast, gradient: PooledChannelsLast
) -> tuple[Tensor, Tensor]:
    """Where the maximum is, as zeros and ones, and what each winner's share is.

    Ties share evenly, as those of `torch.amax` do.
    """
    won = torch.empty_like(state)
    torch.eq(state, maximum[:, None], out=won)
    return won, (gradient / won.sum(1))[:, None]


class Move(torch.autograd.Function):
    """Rows of a state read by a table of `sources`; read back for the gradient.

    A state with one slot is read by every velocity, and gets the sum of the gradients.
    """

    @staticmethod
    def forward(
        ctx, state: ChannelsLast, shift: Table, unshift: Table, slots: int
    ) -> Float[Tensor, "batch slots height width _"]:
        """`unshift` has the opposite velocities; no table has a margin."""
        ctx.unshift, ctx.shared = unshift, state.shape[1] < slots
        return gather(state, shift, slots)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        moved = gather(gradient.contiguous(), ctx.unshift, gradient.shape[1])
        return moved.sum(1, keepdim=True) if ctx.shared else moved, None, None, None


class MovedMaximum(torch.autograd.Function):
    """The maximum over V of all slots moved by a step; saves no moved state."""

    @staticmethod
    def forward(
        ctx, state: ChannelsLast, shift: Table, unshift: Table
    ) -> PooledChannelsLast:
        """The tables are those of `Move`."""
        maximum = torch.empty_like(state[:, 0])
        for chunk in cache_chunks(state):
            moved = gather(state[chunk], shift, state.shape[1])
            torch.amax(moved, 1, out=maximum[chunk])
        ctx.save_for_backward(state, maximum, shift, unshift)
        return maximum

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: PooledChannelsLast):
        state, maximum, shift, unshift = ctx.saved_tensors
        slots = state.shape[1]
        result = torch.empty_like(state)
        for chunk in cache_chunks(state):
            moved = gather(state[chunk], shift, slots)
            won, share = winners(moved, maximum[chunk], gradient[chunk])
            result[chunk] = gather(won.mul_(share), unshift, slots)
        return result, None, None
