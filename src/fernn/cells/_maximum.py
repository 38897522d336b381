"""The maximum over V and its gradient, in pieces that stay in the cache.

Torch's own gradient of `amax` compares, counts, divides and multiplies arrays of the
size of the state one after the other, each from memory, and counts in integers.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd.function import once_differentiable

from fernn.cells._gather import gather

CACHE = 2**22  # bytes of a state that are worked on at once on a processor

State = Float[Tensor, "batch velocity height width hidden"]
Pooled = Float[Tensor, "batch height width hidden"]


def parts(state: State) -> Iterator[slice]:
    """Samples that fit in the cache together; all of them on an accelerator."""
    step = len(state)
    if state.device.type == "cpu":
        step = max(1, CACHE // (state[0].numel() * state.element_size()))
    for first in range(0, len(state), step):
        yield slice(first, first + step)


def winners(state: State, maximum: Pooled, gradient: Pooled) -> tuple[Tensor, Tensor]:
    """Where the maximum is, as zeros and ones, and what each winner's share is.

    Ties share evenly, as those of `torch.amax` do.
    """
    won = torch.empty_like(state)
    torch.eq(state, maximum[:, None], out=won)
    return won, (gradient / won.sum(1))[:, None]


class MovedMaximum(torch.autograd.Function):
    """The maximum over V of all slots moved by a step; saves no moved state."""

    @staticmethod
    def forward(
        ctx,
        state: State,
        there: Int[Tensor, " rows"],
        back: Int[Tensor, " rows"],
    ) -> Pooled:
        """`there` and `back` are tables of `sources` without margin."""
        maximum = torch.empty_like(state[:, 0])
        for part in parts(state):
            moved = gather(state[part], there, state.shape[1])
            torch.amax(moved, 1, out=maximum[part])
        ctx.save_for_backward(state, maximum, there, back)
        return maximum

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Pooled):
        state, maximum, there, back = ctx.saved_tensors
        slots = state.shape[1]
        result = torch.empty_like(state)
        for part in parts(state):
            moved = gather(state[part], there, slots)
            won, share = winners(moved, maximum[part], gradient[part])
            result[part] = gather(won.mul_(share), back, slots)
        return result, None, None
