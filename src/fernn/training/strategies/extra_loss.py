"""A loss of the model's own is added: a distance that its paper asks to be small.

A model that has one offers ``extra_loss()``, the mean over the samples of its newest
forward pass, and keeps what that needs if its ``collects`` is true.

Source: arXiv 2103.09504 (PredRNNv2) and arXiv 2003.01460 (PhyDNet).
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from fernn.training.settings import Settings
from fernn.training.strategies import Strategy
from labrun.errors import UserError


class ExtraLoss(Strategy):
    """Weight times what the model says."""

    def __init__(self, model: Any, weight: float):
        self._extra_loss, self.weight = model.extra_loss, weight

    def penalty(
        self, network: Any, seen: tuple[Any, ...], output: Tensor, target: Tensor
    ) -> Tensor:
        """The weighted loss of the newest forward pass."""
        return self.weight * self._extra_loss()


def build(
    model: Any, settings: Settings, needs: Any, *, weight: float = 1.0
) -> ExtraLoss:
    """A model's own loss.

    Raises:
        UserError: the model has none.
    """
    if not hasattr(model, "extra_loss"):
        raise UserError(f"strategy extra_loss: a {type(model).__name__} has none")
    model.collects = True
    return ExtraLoss(model, weight)
