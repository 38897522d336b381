r"""A roll-out that is drawn to the truth after each step, in training.

What a step hands to the next, the fed frame or the state, is replaced by

.. math:: \tilde z = (1 - \alpha) \hat z + \alpha \bar z

with the true frame, or the state :math:`\bar z` after the true frames. The share
:math:`\alpha` is one number for all slots and pixels of a sequence, and
:math:`\hat z` and :math:`\bar z` are moved alike by a flow, so that the roll-out keeps
its equivariance. A prediction is made before what it is made of is replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from fernn.flows import cached_kernels
from fernn.models.rollouts import Carry, RollOut, Unfed
from fernn.models.rollouts.free import norm

if TYPE_CHECKING:
    from fernn.models.forecaster import Forecaster

What = Literal["frame", "state"]


class Forcing(NamedTuple):
    """What a roll-out is drawn to.

    Attributes:
        truth: the frames that are predicted.
        shares: α after each step but the last.
        what: ``frame``, or ``state``.
    """

    truth: Float[Tensor, "batch horizon channel height width"]
    shares: Float[Tensor, "batch transitions"]
    what: What = "frame"


def objection(rollout: RollOut, what: What) -> str | None:
    """Why a roll-out cannot be forced, in one line; None if it can."""
    kind = type(rollout).__name__.lower()
    if not rollout.recurrent or rollout.every != 1:
        return f"the roll-out {kind} hands no new state from each step to the next"
    if what == "frame" and isinstance(rollout, Unfed):
        return f"the roll-out {kind} feeds no frame; force the state"
    return None


def forward(
    model: Forecaster,
    video: Float[Tensor, "batch time channel height width"],
    horizon: int,
    forcing: Forcing,
) -> Float[Tensor, "batch horizon channel height width"]:
    """The predicted frames of the forced roll-out."""
    carry = model.rollout.begin(model.observed(video), video)
    states: list[Tensor] = []
    if forcing.what == "state":
        states = [*model.states(torch.cat([video, forcing.truth[:, :-1]], dim=1))]
    frames = []
    with cached_kernels(model):
        for step in range(horizon):
            carry, frame = model.rollout.step(model, carry)
            frames.append(frame)
            if step + 1 < horizon:
                carry = _forced(model, carry, forcing, step, states)
    return torch.stack(frames, dim=1)


def _forced(
    model: Forecaster, carry: Carry, forcing: Forcing, step: int, states: list[Tensor]
) -> Carry:
    """What the next step gets; the norm that a state keeps is a part of it."""
    share = forcing.shares[:, step]
    if forcing.what == "state":
        true, kept = states[carry.time - 1], carry.kept
        if kept is not None:
            kept = mixed(kept, norm(true, model.cell.members), share)
        return carry._replace(state=mixed(carry.state, true, share), kept=kept)
    assert carry.fed is not None
    return carry._replace(fed=mixed(carry.fed, forcing.truth[:, step], share))


def mixed(own: Tensor, true: Tensor, share: Float[Tensor, " batch"]) -> Tensor:
    """Own and true parts; at 0 and 1 the one or the other, bit for bit."""
    weight = share.to(own.dtype).view(-1, *(own.ndim - 1) * [1])
    return torch.lerp(own, true.to(own.dtype), weight)


def closed_loop(model: Forecaster, state: Tensor, time: int) -> Tensor:
    """The state after `time` frames and one prediction, of a roll-out that feeds it.

    A roll-out that is fed the last observed frame first has no such step.
    """
    carry, _ = model.rollout.step(model, Carry(state, time))
    carry, _ = model.rollout.step(model, carry)
    return carry.state
