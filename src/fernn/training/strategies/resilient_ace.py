r"""ACE, resilient: each symmetry is kept as far as the data have it.

The constraints are :math:`|\gamma_i| \le u_i` with slacks that cost
:math:`(\rho/2) \|u\|^2`. With one rate η,

.. math::
    \gamma_i &\leftarrow \gamma_i - \eta\,(\partial J / \partial \gamma_i
    + \lambda_i\,\mathrm{sign}\,\gamma_i) \\
    u_i &\leftarrow [u_i - \eta\,(\rho u_i - \lambda_i)]_+ \\
    \lambda_i &\leftarrow [\lambda_i + \eta\,(|\gamma_i| - u_i)]_+

where all right sides are of before the step: Algorithm 2 of A. Manolache, L. F. O.
Chamon and M. Niepert, NeurIPS 2025 (arXiv 2505.13631). It rests where
:math:`\partial J / \partial \gamma_i + \rho \gamma_i = 0` and
:math:`u_i = |\gamma_i| = \lambda_i / \rho`. So ρ has the unit of the loss; here it is a
share of the loss that is reached after the first twentieth of the steps, until when
nothing is constrained. A slack that is too large falls in 1/(ηρ) steps, which are more
than a short training has where losses are small; until it has fallen, its λ is 0.

The authors' code has another form, ``one_sided``: the constraint is
:math:`\gamma_i \le 0` with :math:`\lambda_i \ge 0` and without slacks.

Source: A. Manolache and others, NeurIPS 2025, arXiv 2505.13631.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import nn

from fernn.training.settings import Settings
from fernn.training.strategies import Run
from fernn.training.strategies._primal_dual import PrimalDual
from labrun.errors import UserError

WARM_UP = 0.05  # share of the steps after which the loss is a measure


class ResilientAce(PrimalDual):
    """See the module.

    Args:
        model: with relaxations.
        settings: of the training.
        settle: see `PrimalDual`.
        share: of the loss, which is ρ.
        rho: ρ itself; None for a share of the loss.

    Attributes:
        slacks: u by the name of its relaxation.
    """

    def __init__(
        self,
        model: nn.Module,
        settings: Settings,
        settle: float,
        share: float,
        rho: float | None,
    ):
        super().__init__(model, settings, settle, "resilient_ace")
        self.settings, self.share, self.rho = settings, share, rho
        self.slacks = dict.fromkeys(self.relaxed, 0.0)

    def after_step(self, run: Run) -> None:
        """Fix ρ when it is time, then one step of γ, u and λ."""
        if self.rho is None and run["step"] >= WARM_UP * self.settings.steps:
            self.rho = _scale(self.share, run, self.settings)
        super().after_step(run)

    def step(self, name: str, gamma: float, gradient: float, run: Run) -> float:
        """See the module."""
        if self.rho is None:
            return gamma - self.rate * gradient
        held, slack, rate = self.multipliers[name], self.slacks[name], self.rate
        self.slacks[name] = max(0.0, slack - rate * (self.rho * slack - held))
        self.multipliers[name] = max(0.0, held + rate * (abs(gamma) - slack))
        return gamma - rate * (gradient + held * float(np.sign(gamma)))

    def report(self) -> dict[str, float]:
        """Also u, and ρ: 0 until it is fixed."""
        found = {f"u_{name}": value for name, value in self.slacks.items()}
        return super().report() | found | {"rho": self.rho or 0.0}

    def state_dict(self) -> dict[str, Any]:
        """Also u and ρ."""
        own = {"slacks": dict(self.slacks), "rho": self.rho}
        return super().state_dict() | own

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from them."""
        super().load_state_dict(state)
        self.slacks, self.rho = dict(state["slacks"]), state["rho"]


class OneSided(PrimalDual):
    """The authors' code: γ ≤ 0, λ ≥ 0, no slack."""

    def step(self, name: str, gamma: float, gradient: float, run: Run) -> float:
        """See the module."""
        held = self.multipliers[name]
        self.multipliers[name] = max(0.0, held + self.rate * gamma)
        return gamma - self.rate * (gradient + held)


def _scale(share: float, run: Run, settings: Settings) -> float:
    """ρ: a share of the mean loss of this epoch, or of the last one at its end."""
    done = run["step"] % settings.steps_per_epoch
    if done:
        return share * run["loss"] / done
    return share * run["records"][-1]["train_loss"]


def build(
    model: nn.Module,
    settings: Settings,
    needs: Any,
    *,
    settle: float = 1 / 3,
    share: float = 1.0,
    rho: float | None = None,
    one_sided: bool = False,
) -> PrimalDual:
    """ACE with resilient constraints; the model is used as it was trained.

    Args:
        model: with relaxations.
        settings: of the training.
        needs: none.
        settle: share of the steps, which sets the rate as in `ace`.
        share: ρ as a share of the loss after a twentieth of the steps.
        rho: ρ itself, in the unit of the loss.
        one_sided: the form of the authors' code, which has no ρ.

    Raises:
        UserError: the model has no relaxations, or an argument is out of range.
    """
    for name, value in (("share", share), ("rho", rho)):
        if value is not None and not value > 0:
            raise UserError(f"resilient_ace.{name} must be above 0, got {value}")
    if one_sided:
        return OneSided(model, settings, settle, "resilient_ace")
    return ResilientAce(model, settings, settle, share, rho)
