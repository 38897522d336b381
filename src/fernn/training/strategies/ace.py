r"""ACE, equality: a relaxed model is trained, the strict one is the result.

The constraints are :math:`\gamma_i = 0`, and their multipliers have either sign. With
one rate η for both and a damping c,

.. math::
    \gamma_i &\leftarrow \gamma_i - \eta\,(\partial J / \partial \gamma_i + \lambda_i
    + c\,\gamma_i) \\
    \lambda_i &\leftarrow \lambda_i + \eta\,\gamma_i

where both right sides are of before the step. Algorithm 1 of A. Manolache, L. F. O.
Chamon and M. Niepert, NeurIPS 2025 (arXiv 2505.13631), has c = 0. Then γ and λ are an
oscillator with a period of 2π/η steps, which only the curvature of J damps. Where J is
flat in γ, as a mean squared error is, it never settles; c = 2 is critical damping, and
the default. At the end :math:`\lambda_i = -\partial J / \partial \gamma_i` at γ = 0:
how much the data would have this symmetry broken.

Source: A. Manolache and others, NeurIPS 2025, arXiv 2505.13631.
"""

from __future__ import annotations

from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from fernn.training.settings import Settings
from fernn.training.strategies import Run, Strategy
from fernn.training.strategies._primal_dual import PrimalDual, StrictInUse
from labrun.errors import UserError, require_known

CRITICAL = 2.0
Optimiser = Literal["sgd", "adam"]


class Ace(PrimalDual, StrictInUse):
    """See the module.

    Args:
        model: with relaxations.
        settings: of the training.
        settle: see `PrimalDual`.
        damping: c.
    """

    def __init__(
        self, model: nn.Module, settings: Settings, settle: float, damping: float
    ):
        super().__init__(model, settings, settle, "ace")
        self.damping = damping

    def step(self, name: str, gamma: float, gradient: float, run: Run) -> float:
        """See the module."""
        push = gradient + self.multipliers[name] + self.damping * gamma
        self.multipliers[name] += self.rate * gamma
        return gamma - self.rate * push


class AdamAce(StrictInUse):
    """As the authors' code: γ in the optimiser of θ, and λ in an Adam of its own.

    Args:
        model: with relaxations.
        dual_rate: of λ.
        damping: c.
    """

    def __init__(self, model: nn.Module, dual_rate: float, damping: float):
        super().__init__(model, "ace")
        self.damping = damping
        self.multipliers = torch.zeros(len(self.relaxed))
        self._dual = torch.optim.Adam([self.multipliers], dual_rate, maximize=True)

    def parameters(self, model: nn.Module) -> list[nn.Parameter]:
        """All, γ too, which the clip limits with them."""
        return list(model.parameters())

    def penalty(
        self, network: Any, seen: tuple[Any, ...], output: Tensor, target: Tensor
    ) -> Tensor:
        """The constraints, and the damping, as terms of the loss."""
        gammas = torch.stack([part.gamma for part in self.relaxed.values()])
        held = self.multipliers.to(gammas)
        return (held * gammas + self.damping / 2 * gammas.square()).sum()

    @torch.no_grad()
    def after_step(self, run: Run) -> None:
        """λ grows by γ, as Adam does it."""
        self.multipliers.grad = torch.tensor([*self.gammas().values()])
        self._dual.step()

    def report(self) -> dict[str, float]:
        """Also λ."""
        names, values = self.relaxed, self.multipliers.tolist()
        found = {f"lambda_{n}": v for n, v in zip(names, values, strict=True)}
        return super().report() | found

    def state_dict(self) -> dict[str, Any]:
        """λ, and what Adam knows of it."""
        return {
            "multipliers": self.multipliers.clone(),
            "dual": self._dual.state_dict(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from them."""
        self.multipliers.copy_(state["multipliers"])
        self._dual.load_state_dict(state["dual"])


def build(
    model: nn.Module,
    settings: Settings,
    needs: Any,
    *,
    settle: float = 1 / 3,
    damping: float | None = None,
    optimiser: Optimiser = "sgd",
    dual_rate: float = 1e-3,
) -> Strategy:
    """ACE with equality constraints.

    Args:
        model: with relaxations.
        settings: of the training.
        needs: none.
        settle: share of the steps after which γ is to be about 0; of ``sgd``.
        damping: c; None for critical damping, of ``adam`` for none, as published.
        optimiser: ``sgd``, or ``adam``, see `AdamAce`.
        dual_rate: the learning rate of λ; of ``adam``.

    Raises:
        UserError: the model has no relaxations, or an argument is out of range.
    """
    require_known("optimiser", optimiser, get_args(Optimiser))
    if damping is not None and not damping >= 0:
        raise UserError(f"ace.damping must not be negative, got {damping}")
    if optimiser == "adam":
        if not dual_rate > 0:
            raise UserError(f"ace.dual_rate must be above 0, got {dual_rate}")
        return AdamAce(model, dual_rate, damping or 0.0)
    chosen = CRITICAL if damping is None else damping
    return Ace(model, settings, settle, chosen)
