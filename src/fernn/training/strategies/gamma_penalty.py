r"""γ of all relaxations is penalised, :math:`w \sum_i \gamma_i^2`: a rival of `ace`.

γ is a parameter as any other. Where it rests, :math:`\partial J / \partial \gamma_i +
2 w \gamma_i = 0`, as with `resilient_ace` for ρ = 2w.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from fernn.training.settings import Settings
from fernn.training.strategies._primal_dual import Constrained
from labrun.errors import UserError


class GammaPenalty(Constrained):
    """See the module."""

    def __init__(self, model: nn.Module, weight: float):
        super().__init__(model, "gamma_penalty")
        self.weight = weight

    def parameters(self, model: nn.Module) -> Iterable[nn.Parameter]:
        """All, γ too."""
        return model.parameters()

    def penalty(
        self, network: Any, seen: tuple[Any, ...], output: Tensor, target: Tensor
    ) -> Tensor:
        """The weighted squares."""
        gammas = torch.stack([part.gamma for part in self.relaxed.values()])
        return self.weight * gammas.square().sum()


def build(
    model: nn.Module, settings: Settings, needs: Any, *, weight: float
) -> GammaPenalty:
    """A penalty of γ.

    Args:
        model: with relaxations.
        settings: of the training.
        needs: none.
        weight: w, in the unit of the loss.

    Raises:
        UserError: the model has no relaxations, or the weight is negative.
    """
    if not weight >= 0:
        raise UserError(f"gamma_penalty.weight must not be negative, got {weight}")
    return GammaPenalty(model, weight)
