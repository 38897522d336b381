r"""The state flows as in `advect`, and is corrected after every k predicted frames.

.. math::
    \hat f_{t+j} &= \mathrm{Dec}\bigl(\max_\nu \psi_j(\nu) \cdot h_t(\nu)\bigr),
    \qquad j = 1 \dots k \\
    h_{t+k}(\nu) &= \sigma\bigl(\psi_1(\nu) \cdot
    [(\psi_{k-1}(\nu) \cdot h_t(\nu)) \star W]
    + \hat f_{t+k} \mathbin{\hat\star} U\bigr)

The correction is a step of the cell: with the newest prediction as its input
(``prediction``), or without input and with the state's norm kept (``recurrence``). With
k = 1 it is `shifted`, or `free`; before the first correction it is `advect`. It is flow
equivariant for a closed V.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, get_args

import torch

from fernn.models.rollouts import Carry, Frame, RollOut, decoded, lift
from fernn.models.rollouts.free import coast, norm
from fernn.velocities import whole
from labrun.errors import require_known

By = Literal["prediction", "recurrence"]


class Corrected(RollOut):
    """Decode the moved state, and step the cell after every so many frames.

    Args:
        every: predicted frames from one correction to the next.
        by: what corrects: a fed ``prediction``, or the ``recurrence`` alone.
    """

    def __init__(self, every: int, by: By):
        self.every, self.fed = every, by == "prediction"
        self.correct = CORRECTIONS[by]

    def step(self, model: Any, carry: Carry) -> tuple[Carry, Frame]:
        """See `RollOut.step`."""
        carry, frames = self.steps(model, carry, 1)
        return carry, frames[:, 0]

    def steps(self, model: Any, carry: Carry, count: int) -> tuple[Carry, torch.Tensor]:
        """See `RollOut.steps`; frames between two corrections are decoded together."""
        frames = []
        while len(frames) < count:
            if carry.ahead == self.every:
                carry = self.correct(model, carry)
            last = min(carry.ahead + count - len(frames), self.every)
            ahead = range(carry.ahead + 1, last + 1)
            frames += decoded(
                model, model.pool_advected(carry.state, carry.time, ahead)
            )
            newest = frames[-1].clamp(0, 1) if self.fed else None
            carry = carry._replace(ahead=last, fed=newest)
        return carry, torch.stack(frames, dim=1)


def by_prediction(model: Any, carry: Carry) -> Carry:
    """The moved state takes in the newest prediction."""
    moved = _before_newest(model, carry)
    return Carry(model.cell(lift(model, moved), moved.state), moved.time + 1)


def by_recurrence(model: Any, carry: Carry) -> Carry:
    """The moved state steps without input, and keeps the norm that it had at first."""
    kept = norm(carry.state) if carry.kept is None else carry.kept
    return coast(model, _before_newest(model, carry)._replace(kept=kept))


def _before_newest(model: Any, carry: Carry) -> Carry:
    """The state moved to the time of the last prediction but one."""
    steps = carry.ahead - 1
    state = model.cell.moved(carry.state, steps)
    return carry._replace(state=state, time=carry.time + steps, ahead=0)


CORRECTIONS: dict[By, Callable[[Any, Carry], Carry]] = {
    "prediction": by_prediction,
    "recurrence": by_recurrence,
}


def build(*, every: int = 2, by: By = "prediction") -> Corrected:
    """A correction after `every` predicted frames.

    Raises:
        UserError: `every` is not positive, or nothing corrects like that.
    """
    require_known("by", by, get_args(By))
    return Corrected(whole(every, "every must be positive", least=1), by)
