r"""Constraints on relaxations, by gradient descent on γ and ascent on multipliers.

.. math:: L = J(\theta, \gamma) + \sum_i \lambda_i\, c_i(\gamma_i)

θ is moved by the optimiser and its clip; γ is moved here, by the gradient itself, so
that a large λ takes nothing from the steps of θ. A. Manolache, L. F. O. Chamon and M.
Niepert, NeurIPS 2025 (arXiv 2505.13631).
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn

from fernn.models._relaxed import Relaxation, relaxations_of, strict, strictly
from fernn.training.settings import Settings
from fernn.training.strategies import Run, Strategy
from labrun.errors import UserError

# |γ| of a critically damped pair is 1e-2 after 6.3 / rate steps; 20 / 3 is above that.
TIME = 20 / 3
FASTEST = 0.1  # rate; above, γ leaves [-1, 1], beyond which states grow without bound


class Constrained(Strategy):
    """What moves γ by its own rule has in common.

    Args:
        model: with relaxations.
        kind: of the strategy, for messages.

    Attributes:
        relaxed: the relaxations by name.

    Raises:
        UserError: the model has none.
    """

    def __init__(self, model: nn.Module, kind: str):
        self.relaxed: dict[str, Relaxation] = relaxations_of(model)
        if not self.relaxed:
            raise UserError(
                f"strategy {kind}: the model is strict; give it relaxations, such as"
                " relaxations: [shift]"
            )

    def parameters(self, model: nn.Module) -> Iterable[nn.Parameter]:
        """All but γ."""
        own = {id(part.gamma) for part in self.relaxed.values()}
        return [each for each in model.parameters() if id(each) not in own]

    def gammas(self) -> dict[str, float]:
        """γ by the name of its relaxation."""
        return {name: part.gamma.item() for name, part in self.relaxed.items()}

    def report(self) -> dict[str, float]:
        """γ, and the part of the newest step that is not strict, see `Relaxation`."""
        found = {f"gamma_{name}": gamma for name, gamma in self.gammas().items()}
        parts = self.relaxed.items()
        return found | {f"part_{name}": part.part() for name, part in parts}


class PrimalDual(Constrained):
    """γ and a multiplier λ of each relaxation, both at one rate.

    Args:
        model: with relaxations.
        settings: of the training.
        settle: share of the steps after which a damped γ is within 0.01 of 0, if
            these are at least 67 steps.
        kind: of the strategy, for messages.

    Attributes:
        rate: of γ and λ: it is not scheduled, nor that of θ.
        multipliers: λ by the name of its relaxation.

    Raises:
        UserError: the model has no relaxations, or `settle` is out of range.
    """

    def __init__(self, model: nn.Module, settings: Settings, settle: float, kind: str):
        super().__init__(model, kind)
        if not 0 < settle <= 1:
            raise UserError(
                f"{kind}.settle must be above 0 and at most 1, got {settle}"
            )
        self.rate = min(FASTEST, TIME / (settle * max(1, settings.steps)))
        self.multipliers = dict.fromkeys(self.relaxed, 0.0)

    def step(self, name: str, gamma: float, gradient: float, run: Run) -> float:
        """The next γ of a relaxation from the gradient of J; moves its multiplier.

        All of a step are computed from what was before it.
        """
        raise NotImplementedError

    @torch.no_grad()
    def after_step(self, run: Run) -> None:
        """One step of γ, and of what is dual to it."""
        for name, part in self.relaxed.items():
            assert part.gamma.grad is not None
            gamma, gradient = part.gamma.item(), part.gamma.grad.item()
            part.gamma.fill_(self.step(name, gamma, gradient, run))

    def report(self) -> dict[str, float]:
        """Also λ."""
        found = {f"lambda_{name}": value for name, value in self.multipliers.items()}
        return super().report() | found

    def state_dict(self) -> dict[str, Any]:
        """The multipliers; γ is the model's."""
        return {"multipliers": dict(self.multipliers)}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from them."""
        self.multipliers = dict(state["multipliers"])


class StrictInUse(Constrained):
    """The strict model is validated and kept."""

    def as_used(self, model: nn.Module) -> AbstractContextManager[None]:
        """γ = 0 within."""
        return strictly(model)

    def kept(
        self, spec: dict[str, Any], weights: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """Without the relaxations."""
        return strict(spec, weights)
