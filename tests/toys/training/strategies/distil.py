"""Distillation: predictions are drawn towards those of a trained teacher."""

from __future__ import annotations

import torch
from torch import nn

from fernn.training.strategies import Strategy

NEEDS = ("teacher",)


class Distil(Strategy):
    """The mean squared distance to the teacher's prediction is added to the loss."""

    def __init__(self, teacher: nn.Module, weight: float):
        self.teacher, self.weight = teacher, weight

    def penalty(self, network, seen, output, target):
        """That distance."""
        with torch.no_grad():
            taught = self.teacher(*seen)
        return self.weight * (output - taught).square().mean()


def build(model, settings, needs, *, teacher: str, weight: float = 1.0) -> Distil:
    """A distillation; `teacher` names a model of the experiment."""
    return Distil(needs["teacher"], weight)
