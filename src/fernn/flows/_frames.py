"""The frames that move with the slots of V: into them, and back to the lab frame."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from fernn.flows._base import Flow


def pull_back(
    flow: Flow,
    video: Float[Tensor, "batch time channel height width"],
    first: int = 0,
) -> Float[Tensor, "batch velocity time channel height width"]:
    r"""What each slot sees from its own frame, :math:`\psi_{-t}(\nu) \cdot f_t`.

    Args:
        flow: V and its action.
        video: frames that follow each other.
        first: the time t of the first of them.
    """
    frames = list(enumerate(video.unbind(1), start=first))
    seen = [
        torch.stack([flow.act(frame, nu, -time) for time, frame in frames], dim=1)
        for nu in flow.velocities
    ]
    return torch.stack(seen, dim=1)


def push_forward(
    flow: Flow,
    state: Float[Tensor, "batch velocity hidden height width"],
    steps: int,
    members: int = 1,
) -> Float[Tensor, "batch velocity hidden height width"]:
    r"""Every slot moved by so many steps of its own flow, :math:`\psi_s(\nu) \cdot`.

    Args:
        flow: V and its action.
        state: of the lab frame before it is moved.
        steps: how many.
        members: models in one, each with its own of the channels; see `Cell`.
    """
    slots = state.unflatten(2, (members, -1)).unbind(1)
    pairs = zip(slots, flow.velocities, strict=True)
    moved = [flow.act_on_state(slot, nu, steps) for slot, nu in pairs]
    return torch.stack(moved, dim=1).flatten(2, 3)
