"""Five ways to go on after the last observed frame, each as one step.

What a step hands to the next does not grow with the horizon. `repeat` is what the
paper's code does; it feeds the last observed frame twice and is not flow equivariant.
The other four are, for a closed V.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

if TYPE_CHECKING:
    from fernn.models.forecaster import Forecaster

CACHE = 2**20  # bytes of pooled states that are decoded by one call

State = Float[Tensor, "batch velocity hidden height width"]
Frame = Float[Tensor, "batch channel height width"]
Pooled = Float[Tensor, "batch hidden height width"]


class Carry(NamedTuple):
    """What a step hands to the next.

    Attributes:
        state: after the newest observed or predicted frame.
        time: how many frames that were.
        fed: the frame that is fed next; None if there is none.
        kept: the norm that the state keeps; None at first.
        ahead: steps by which the state was moved to decode the newest prediction.
    """

    state: State
    time: int
    fed: Frame | None = None
    kept: Float[Tensor, "batch 1 1 1 1"] | None = None
    ahead: int = 0


RollOut = Callable[["Forecaster", Carry], tuple[Carry, Frame]]


def begin(
    rollout: str,
    state: State,
    video: Float[Tensor, "batch time channel height width"],
) -> Carry:
    """What the first step of a roll-out gets after the observed frames."""
    last = video[:, -1] if rollout in FEED_LAST else None
    return Carry(state, video.shape[1], last)


def repeat(model: Forecaster, carry: Carry) -> tuple[Carry, Frame]:
    """Feed the last frame again, then each prediction, without its gradient."""
    time = carry.time + 1
    state, prediction = model.advance(_lift(model, carry), carry.state, time)
    return Carry(state, time, prediction.detach()), prediction


def warped(model: Forecaster, carry: Carry) -> tuple[Carry, Frame]:
    r"""Feed slot :math:`\nu` the previous frame moved by its own velocity."""
    time = carry.time + 1
    drive = _lift(model, carry, ahead=1)
    state, prediction = model.advance(drive, carry.state, time)
    return Carry(state, time, prediction.clamp(0, 1)), prediction


def shifted(model: Forecaster, carry: Carry) -> tuple[Carry, Frame]:
    r"""Decode :math:`\max_\nu \psi_1(\nu) \cdot h(\nu)`, then feed that."""
    state, time = carry.state, carry.time
    if carry.fed is not None:
        state, time = model.cell(_lift(model, carry), state), time + 1
    prediction = model.decode_moved(state, time)
    return Carry(state, time, prediction.clamp(0, 1)), prediction


def free(model: Forecaster, carry: Carry) -> tuple[Carry, Frame]:
    """Decode as `shifted`, feed nothing, and keep the state's joint norm."""
    carry, pooled = _pool_free(model, carry)
    return carry, model.decoder(pooled[0])


def advect(model: Forecaster, carry: Carry) -> tuple[Carry, Frame]:
    r"""Decode the last observed state, moved by each slot's own flow and nothing else.

    .. math::
        \hat f_{T+j} = \mathrm{Dec}\bigl(\max_\nu \psi_j(\nu) \cdot h_T(\nu)\bigr)

    No recurrence can drift: on a torus the forecast has the period of the flow. It is
    wrong by construction where velocities change after the last observed frame.
    """
    carry, pooled = _pool_advected(model, carry)
    return carry, model.decoder(pooled[0])


def coast(model: Forecaster, carry: Carry) -> Carry:
    """The state one step on without input, of the same joint norm; at first as it is.

    Without input a ReLU recurrence is positively homogeneous, that is, a power
    iteration: only the norm over slots, channels and pixels can drift away, and flows
    do not change it.
    """
    state, time, kept = carry.state, carry.time, carry.kept
    if kept is None:
        return Carry(state, time, kept=norm(state))
    state = model.cell(None, state)
    state = (state * (kept / norm(state))).to(state.dtype)
    return Carry(state, time + 1, kept=kept)


def several(
    model: Forecaster, carry: Carry, count: int
) -> tuple[Carry, Float[Tensor, "batch {count} channel height width"]]:
    """`count` steps; frames that are not fed are decoded together."""
    if model.rollout in UNFED:
        carry, pooled = UNFED[model.rollout](model, carry, count)
        return carry, torch.stack(_decoded(model, pooled), dim=1)
    frames = []
    for _ in range(count):
        carry, frame = ROLLOUTS[model.rollout](model, carry)
        frames.append(frame)
    return carry, torch.stack(frames, dim=1)


def _pool_free(
    model: Forecaster, carry: Carry, count: int = 1
) -> tuple[Carry, list[Pooled]]:
    """What `free` decodes in so many steps."""
    pooled = []
    for _ in range(count):
        carry = coast(model, carry)
        pooled.append(model.pool_moved(carry.state, carry.time))
    return carry, pooled


def _pool_advected(
    model: Forecaster, carry: Carry, count: int = 1
) -> tuple[Carry, list[Pooled]]:
    """What `advect` decodes in so many steps."""
    ahead = range(carry.ahead + 1, carry.ahead + count + 1)
    pooled = model.pool_advected(carry.state, carry.time, ahead)
    return carry._replace(ahead=carry.ahead + count), pooled


def _decoded(model: Forecaster, pooled: list[Tensor]) -> list[Frame]:
    """The frames of pooled states, by few calls if these are small."""
    together = CACHE // pooled[0].nbytes
    if pooled[0].device.type != "cpu":  # its caches are not what limits it
        together = len(pooled)
    if together < 2:
        return [model.decoder(each) for each in pooled]
    parts = [
        pooled[first : first + together] for first in range(0, len(pooled), together)
    ]
    decoded = [model.decoder(torch.cat(part)).chunk(len(part)) for part in parts]
    return [frame for part in decoded for frame in part]


def _lift(model: Forecaster, carry: Carry, ahead: int = 0) -> Tensor:
    """The lifted frame that is fed, as the one that follows those of the state."""
    assert carry.fed is not None
    return model.cell.lift(carry.fed[:, None], carry.time, ahead)[0]


def norm(state: State) -> Float[Tensor, "batch 1 1 1 1"]:
    """The Euclidean norm of each sample's state, away from zero.

    At least in single precision, whatever the state is in.
    """
    exact = state.to(torch.promote_types(state.dtype, torch.float32))
    squares = exact.square().sum(dim=(1, 2, 3, 4), keepdim=True)
    return squares.clamp_min(torch.finfo(exact.dtype).tiny).sqrt()


FEED_LAST = ("repeat", "warped")
RollOutName = Literal["repeat", "warped", "shifted", "free", "advect"]
ROLLOUTS: dict[RollOutName, RollOut] = {
    "repeat": repeat,
    "warped": warped,
    "shifted": shifted,
    "free": free,
    "advect": advect,
}
# Roll-outs that feed no frame: what they decode, so that frames are decoded together.
UNFED = {"free": _pool_free, "advect": _pool_advected}
