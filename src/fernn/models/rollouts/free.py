"""The state runs without input and keeps its norm; it is decoded as in `shifted`.

Without input a ReLU recurrence is positively homogeneous, that is, a power iteration:
only the norm over velocities, channels and pixels can drift away, and flows do not
change it. It is flow equivariant for a closed V.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from fernn.models.rollouts import Carry, Pooled, State, Unfed


class Free(Unfed):
    """Decode the moved state, feed nothing, and keep the state's joint norm."""

    def pool(self, model: Any, carry: Carry, count: int) -> tuple[Carry, list[Pooled]]:
        """The states of so many steps, moved and pooled."""
        pooled = []
        for _ in range(count):
            carry = coast(model, carry)
            pooled.append(model.pool_moved(carry.state, carry.time))
        return carry, pooled


def coast(model: Any, carry: Carry) -> Carry:
    """The state one step on without input, of the same norm; at first as it is."""
    state, time, kept = carry.state, carry.time, carry.kept
    if kept is None:
        return Carry(state, time, kept=norm(state))
    state = model.cell(None, state)
    state = (state * (kept / norm(state))).to(state.dtype)
    return Carry(state, time + 1, kept=kept)


def norm(state: State) -> Float[Tensor, "batch 1 1 1 1"]:
    """The Euclidean norm of each sample's state, away from zero.

    At least in single precision, whatever the state is in.
    """
    exact = state.to(torch.promote_types(state.dtype, torch.float32))
    squares = exact.square().sum(dim=(1, 2, 3, 4), keepdim=True)
    return squares.clamp_min(torch.finfo(exact.dtype).tiny).sqrt()


def build() -> Free:
    """It has no options."""
    return Free()
