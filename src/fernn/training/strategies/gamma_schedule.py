r"""γ of all relaxations falls from 1 to 0 by a fixed schedule: the rival of `ace`.

With k the share that is done of the steps until `until`, γ is 1 - k (``linear``) or
:math:`(1 + \cos \pi k)/2` (``cosine``), and 0 afterwards. S. Pertigkiozoglou, E.
Chatzipantazis, S. Trivedi and K. Daniilidis, *Improving Equivariant Model Training via
Constraint Relaxation*, NeurIPS 2024, without its penalty of Lie derivatives.

Source: S. Pertigkiozoglou and others, NeurIPS 2024.
"""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import torch
from torch import nn

from fernn.training.settings import Settings
from fernn.training.strategies import Run
from fernn.training.strategies._primal_dual import StrictInUse
from labrun.errors import UserError, require_known

Shape = Literal["linear", "cosine"]


class GammaSchedule(StrictInUse):
    """See the module."""

    def __init__(
        self, model: nn.Module, settings: Settings, shape: Shape, until: float
    ):
        super().__init__(model, "gamma_schedule")
        self.shape, self.until = shape, until * settings.steps

    def gamma(self, step: int) -> float:
        """γ of a step."""
        done = min(1.0, step / self.until)
        return (
            1 - done if self.shape == "linear" else (1 + math.cos(math.pi * done)) / 2
        )

    def before_step(self, run: Run, optimiser: torch.optim.Optimizer) -> None:
        """Set γ."""
        with torch.no_grad():
            for part in self.relaxed.values():
                part.gamma.fill_(self.gamma(run["step"]))


def build(
    model: nn.Module,
    settings: Settings,
    needs: Any,
    *,
    shape: Shape = "linear",
    until: float = 0.5,
) -> GammaSchedule:
    """A schedule of γ.

    Args:
        model: with relaxations.
        settings: of the training.
        needs: none.
        shape: ``linear`` or ``cosine``.
        until: share of the steps after which the model is strict.

    Raises:
        UserError: the model has no relaxations, or an argument is out of range.
    """
    require_known("shape", shape, get_args(Shape))
    if not 0 < until <= 1:
        raise UserError(
            f"gamma_schedule.until must be above 0 and at most 1, got {until}"
        )
    return GammaSchedule(model, settings, shape, until)
