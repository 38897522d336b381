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

from fernn.models.rollouts import Carry, State, Unfed


class Free(Unfed):
    """Decode the moved state, feed nothing, and keep the state's joint norm."""

    STACKED = ()

    def advance(self, model: Any, carry: Carry) -> Carry:
        """See `coast`."""
        return coast(model, carry)


def coast(model: Any, carry: Carry) -> Carry:
    """The state one step on without input, of the same norm; at first as it is."""
    state, time, kept = carry.state, carry.time, carry.kept
    members = model.cell.members
    if kept is None:
        return Carry(state, time, kept=norm(state, members))
    state = model.cell(None, state)
    scale = kept / norm(state, members)
    if members > 1:
        scale = scale.repeat_interleave(state.shape[2] // members, 2)
    return Carry((state * scale).to(state.dtype), time + 1, kept=kept)


def norm(state: State, members: int = 1) -> Float[Tensor, "batch 1 {members} 1 1"]:
    """The Euclidean norm of each sample's state, away from zero.

    At least in single precision, whatever the state is in.

    Args:
        state: of the cell.
        members: models in one, each with a norm of its own; see `Cell`.
    """
    exact = state.to(torch.promote_types(state.dtype, torch.float32))
    of_member = exact.square().unflatten(2, (members, -1))
    squares = of_member.sum(dim=(1, 3, 4, 5))[:, None, :, None, None]
    return squares.clamp_min(torch.finfo(exact.dtype).tiny).sqrt()


build = Free
