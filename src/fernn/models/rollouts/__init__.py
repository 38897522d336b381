"""Roll-outs: how a forecaster goes on after the last observed frame, step by step.

A roll-out is a module with ``build(*, options)``, which returns a `RollOut`. What a
step hands to the next does not grow with the horizon.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from labrun.modules import configured, names

if TYPE_CHECKING:
    from fernn.cells import Cell
    from fernn.models.forecaster import Forecaster

PACKAGE = "fernn.models.rollouts"
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
        memory: what else a roll-out needs.
    """

    state: State
    time: int
    fed: Frame | None = None
    kept: Float[Tensor, "batch 1 members 1 1"] | None = None
    ahead: int = 0
    memory: Any = None


class RollOut:
    """A roll-out that feeds frames; one predicts as `step` says.

    Attributes:
        recurrent: a step needs what the one before computed, so that training keeps
            states, or computes them twice.
        every: predicted frames after which it does the same again.
    """

    recurrent = True
    every = 1

    def weights(self, cell: Cell) -> nn.Module | None:
        """What it learns beside a forecaster's own; it is ``model.rollout_weights``."""
        return None

    def begin(
        self, state: State, video: Float[Tensor, "batch time channel height width"]
    ) -> Carry:
        """What the first step gets after the observed frames."""
        return Carry(state, video.shape[1])

    def step(self, model: Forecaster, carry: Carry) -> tuple[Carry, Frame]:
        """The next predicted frame."""
        raise NotImplementedError

    def steps(
        self, model: Forecaster, carry: Carry, count: int
    ) -> tuple[Carry, Float[Tensor, "batch {count} channel height width"]]:
        """The next `count` predicted frames."""
        frames = []
        for _ in range(count):
            carry, frame = self.step(model, carry)
            frames.append(frame)
        return carry, torch.stack(frames, dim=1)


class FeedLast(RollOut):
    """A roll-out whose first step is fed the last observed frame."""

    def begin(
        self, state: State, video: Float[Tensor, "batch time channel height width"]
    ) -> Carry:
        """The last observed frame is fed next."""
        return Carry(state, video.shape[1], video[:, -1])


class Unfed(RollOut):
    """A roll-out that feeds no frame, so that frames are decoded together."""

    def pool(
        self, model: Forecaster, carry: Carry, count: int
    ) -> tuple[Carry, list[Pooled]]:
        """What is decoded in the next `count` steps: states, moved, pooled over V."""
        pooled = []
        for _ in range(count):
            carry = self.advance(model, carry)
            pooled.append(model.pool_moved(carry.state, carry.time))
        return carry, pooled

    def advance(self, model: Forecaster, carry: Carry) -> Carry:
        """What the next frame is decoded from; at first the observed state."""
        raise NotImplementedError

    def step(self, model: Forecaster, carry: Carry) -> tuple[Carry, Frame]:
        """One pooled state, decoded."""
        carry, pooled = self.pool(model, carry, 1)
        return carry, model.decoder(pooled[0])

    def steps(
        self, model: Forecaster, carry: Carry, count: int
    ) -> tuple[Carry, Float[Tensor, "batch {count} channel height width"]]:
        """The pooled states, decoded by few calls if they are small."""
        carry, pooled = self.pool(model, carry, count)
        return carry, torch.stack(decoded(model, pooled), dim=1)


def build(spec: str | dict[str, Any]) -> RollOut:
    """The roll-out of a specification: a kind, or ``{"kind": ..., **options}``.

    Raises:
        UserError: no such roll-out or option.
    """
    return configured(PACKAGE, spec, "build")()


def kinds() -> list[str]:
    """All roll-outs."""
    return names(PACKAGE)


def lift(model: Forecaster, carry: Carry, ahead: int = 0) -> Tensor:
    """The lifted frame that is fed, as the one that follows those of the state."""
    assert carry.fed is not None
    return model.cell.lift(carry.fed[:, None], carry.time, ahead)[0]


def decoded(model: Forecaster, pooled: list[Pooled]) -> list[Frame]:
    """The frames of pooled states, decoded by few calls if they are small."""
    together = CACHE // pooled[0].nbytes
    if pooled[0].device.type != "cpu":  # its caches are not what limits it
        together = len(pooled)
    if together < 2:
        return [model.decoder(each) for each in pooled]
    parts = [
        pooled[first : first + together] for first in range(0, len(pooled), together)
    ]
    frames = [model.decoder(torch.cat(part)).chunk(len(part)) for part in parts]
    return [frame for part in frames for frame in part]
