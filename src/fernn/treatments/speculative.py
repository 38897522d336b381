r"""Several frames are drafted without recurrence; those that it confirms are kept.

The draft of k frames is that of the roll-out `advect`, the state moved by its flow.
The model's own roll-out then runs on, fed with the drafts where it feeds frames, and as
long as

.. math:: \lVert \hat f^\text{draft} - \hat f^\text{own} \rVert^2 < \varepsilon

(mean over the pixels) the draft is the forecast. From the first frame of a sample that
fails, up to the next draft, its own roll-out is. So a forecast is nowhere further than
ε from what the recurrence says. After speculative decoding, as multi-token prediction
uses it; there it saves time, here, where both frames are decoded, it tells how far a
draft can be trusted.

Source: M. Samragh and others, 2025, arXiv 2507.11851.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from fernn.models.rollouts import Carry, Frame, RollOut, decoded
from fernn.treatments import rolled_out

NEUTRAL = {"tolerance": 0.0}
MODELS = ("forecaster",)


class Draft(NamedTuple):
    """What a roll-out remembers beside its own.

    Attributes:
        frames: drafted and not yet used.
        accepted: the samples whose drafts were all kept.
        end: the time of the last forecast frame.
        inner: what the model's own roll-out remembers.
    """

    frames: list[Frame]
    accepted: Tensor
    end: int
    inner: Any


class Speculative(RollOut):
    """The model's own roll-out, and drafts for it.

    Args:
        own: the model's roll-out.
        tolerance: ε.
        drafted: k.
    """

    def __init__(self, own: RollOut, tolerance: float, drafted: int):
        self.own, self.tolerance, self.drafted = own, tolerance, drafted

    def begin(self, state: Tensor, video: Tensor) -> Carry:
        """See `RollOut.begin`."""
        carry = self.own.begin(state, video)
        none = torch.ones(len(state), dtype=torch.bool, device=state.device)
        return _remember(carry, Draft([], none, video.shape[1], carry.memory))

    def step(self, model: Any, carry: Carry) -> tuple[Carry, Frame]:
        """See `RollOut.step`."""
        draft: Draft = carry.memory
        carry = carry._replace(memory=draft.inner)
        if not draft.frames:
            draft = self._drafted(model, carry, draft.end)
        guess, *rest = draft.frames
        carry, own = self.own.step(model, carry)
        error = (guess - own).square().mean((1, 2, 3))
        accepted = draft.accepted & (error < self.tolerance)
        where = accepted[:, None, None, None]
        if carry.fed is not None:
            carry = carry._replace(fed=torch.where(where, guess.clamp(0, 1), carry.fed))
        draft = Draft(rest, accepted, draft.end + 1, carry.memory)
        return _remember(carry, draft), torch.where(where, guess, own)

    def _drafted(self, model: Any, carry: Carry, end: int) -> Draft:
        first = end - carry.time + 1
        ahead = range(first, first + self.drafted)
        pooled = model.pool_advected(carry.state, carry.time, ahead)
        every = torch.ones(len(carry.state), dtype=torch.bool)
        every = every.to(carry.state.device)
        return Draft(decoded(model, pooled), every, end, carry.memory)


def _remember(carry: Carry, draft: Draft) -> Carry:
    return carry._replace(memory=draft)


def objection(*, tolerance: float = 0.0, drafted: int = 5):
    """Refuse a negative tolerance or an empty draft: the reason, or None."""
    if not tolerance >= 0:
        return f"tolerance must not be negative, got {tolerance}"
    if not isinstance(drafted, int) or drafted < 1:
        return f"drafted must be a positive whole number, got {drafted}"
    return None


def treat(model: nn.Module, *, tolerance: float = 0.0, drafted: int = 5) -> nn.Module:
    """A copy that drafts `drafted` frames at a time.

    Args:
        model: a forecaster.
        tolerance: ε; 0 is the model's own roll-out, infinity is the draft.
        drafted: k, frames.

    Raises:
        UserError: the model is no forecaster.
    """
    return rolled_out(
        model, "speculative", lambda own: Speculative(own, tolerance, drafted)
    )
