"""Four ways to go on after the last observed frame, each as one step.

What a step hands to the next does not grow with the horizon. `repeat` is what the
paper's code does; it feeds the last observed frame twice and is not flow equivariant.
The other three are, for a closed V.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

if TYPE_CHECKING:
    from fernn.models.forecaster import Forecaster

State = Float[Tensor, "batch velocity hidden height width"]
Frame = Float[Tensor, "batch channel height width"]


class Carry(NamedTuple):
    """What a step hands to the next.

    Attributes:
        state: after the newest observed or predicted frame.
        fed: the frame that is fed next; None if there is none.
        kept: the norm that the state keeps; None at first.
    """

    state: State
    fed: Frame | None = None
    kept: Float[Tensor, "batch 1 1 1 1"] | None = None


RollOut = Callable[["Forecaster", Carry], tuple[Carry, Frame]]


def begin(rollout: str, state: State, last: Frame) -> Carry:
    """What the first step of a roll-out gets."""
    return Carry(state, last if rollout in FEED_LAST else None)


def repeat(model: Forecaster, carry: Carry) -> tuple[Carry, Frame]:
    """Feed the last frame again, then each prediction, without its gradient."""
    assert carry.fed is not None
    state, prediction = model.advance(model.cell.lift(carry.fed), carry.state)
    return Carry(state, prediction.detach()), prediction


def warped(model: Forecaster, carry: Carry) -> tuple[Carry, Frame]:
    r"""Feed slot :math:`\nu` the previous frame moved by its own velocity."""
    assert carry.fed is not None
    drive = model.cell.lift(carry.fed).expand_as(carry.state)
    state, prediction = model.advance(model.cell.move(drive), carry.state)
    return Carry(state, prediction.clamp(0, 1)), prediction


def shifted(model: Forecaster, carry: Carry) -> tuple[Carry, Frame]:
    r"""Decode :math:`\max_\nu \psi_1(\nu) \cdot h(\nu)`, then feed that."""
    state = carry.state
    if carry.fed is not None:
        state = model.cell(model.cell.lift(carry.fed), state)
    prediction = model.decode_moved(state)
    return Carry(state, prediction.clamp(0, 1)), prediction


def free(model: Forecaster, carry: Carry) -> tuple[Carry, Frame]:
    """Decode as `shifted`, feed nothing, and keep the state's joint norm.

    Without input a ReLU recurrence is positively homogeneous, that is, a power
    iteration: only the norm over slots, channels and pixels can drift away, and flows
    do not change it.
    """
    state, kept = carry.state, carry.kept
    if kept is None:
        kept = norm(state)
    else:
        state = model.cell(None, state)
        state = state * (kept / norm(state))
    return Carry(state, kept=kept), model.decode_moved(state)


def norm(state: State) -> Float[Tensor, "batch 1 1 1 1"]:
    """The Euclidean norm of each sample's state, away from zero.

    At least in single precision, whatever the state is in.
    """
    exact = state.to(torch.promote_types(state.dtype, torch.float32))
    squares = exact.square().sum(dim=(1, 2, 3, 4), keepdim=True)
    return squares.clamp_min(torch.finfo(exact.dtype).tiny).sqrt()


FEED_LAST = ("repeat", "warped")
ROLLOUTS: dict[str, RollOut] = {
    "repeat": repeat,
    "warped": warped,
    "shifted": shifted,
    "free": free,
}
