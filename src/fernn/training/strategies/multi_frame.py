r"""Frames of the whole horizon are also decoded from the last observed state, moved.

.. math::
    L = L_\text{task}
      + w \frac{1}{H} \sum_{j=1}^{H} \bigl\| \mathrm{Dec}\bigl(\max_\nu
          \psi_j(\nu) \cdot h_T(\nu)\bigr) - f_{T+j} \bigr\|^2
      + c \frac{1}{H'} \sum_j \bigl\| h_{T+j} - \bar h_{T+j} \bigr\|^2

The heads are the flow itself and have no weights; alone they are the roll-out `advect`.
The last sum is over the states of the roll-out after predicted frames, and
:math:`\bar h` are those after the true frames, without a gradient. M. Samragh and
others, Your LLM Knows the Future (arXiv 2507.11851), whose heads are masked inputs.

Source: M. Samragh and others, 2025, arXiv 2507.11851.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from fernn.training.settings import Settings
from fernn.training.strategies import Strategy
from labrun.errors import UserError


class MultiFrame(Strategy):
    """Weighted errors of the heads, and of the roll-out's states."""

    def __init__(self, model: Any, weight: float, consistency: float):
        self.model, self.weight, self.consistency = model, weight, consistency

    def penalty(
        self, network: Any, seen: tuple[Any, ...], output: Tensor, target: Tensor
    ) -> Tensor | float:
        """The weighted errors of this piece."""
        video, ahead = seen[:2]
        loss: Tensor | float = 0.0
        if self.weight:
            state, steps = self.model.observed(video), range(1, ahead + 1)
            pooled = self.model.pool_advected(state, video.shape[1], steps)
            frames = torch.stack([self.model.decoder(each) for each in pooled], 1)
            loss = self.weight * (frames - target).square().mean()
        if self.consistency:
            loss = loss + self.consistency * self._apart(video, target)
        return loss

    def _apart(self, video: Tensor, target: Tensor) -> Tensor | float:
        """The mean squared distance of states, where there are any."""
        with torch.no_grad():
            true = [*self.model.states(torch.cat([video, target[:, :-1]], 1))]
        carries = (carry for carry, _ in self.model.trajectory(video, target.shape[1]))
        gaps = [
            (carry.state - true[carry.time - 1]).square().mean()
            for carry in carries
            if video.shape[1] < carry.time <= len(true)
        ]
        return torch.stack(gaps).mean() if gaps else 0.0


def build(
    model: nn.Module,
    settings: Settings,
    needs: Any,
    *,
    weight: float = 1.0,
    consistency: float = 0.0,
) -> MultiFrame:
    """Multi-frame prediction beside a roll-out.

    Args:
        model: a forecaster with a flow.
        settings: of the training.
        needs: none.
        weight: of the error of frames that are decoded from the moved state.
        consistency: of the distance of the roll-out's states.

    Raises:
        UserError: a weight is negative, or the model moves no state.
    """
    for name, value in {"weight": weight, "consistency": consistency}.items():
        if value < 0:
            raise UserError(f"multi_frame.{name} must not be negative, got {value}")
    if not hasattr(model, "pool_advected"):
        raise UserError(
            f"strategy multi_frame: a {type(model).__name__} moves no state"
        )
    return MultiFrame(model, weight, consistency)
