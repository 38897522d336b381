r"""A model is trained as an analog crossbar will run it: noisy weights, few levels.

In each step the network computes with :math:`W + \sigma \max|W|\,\xi`, drawn anew, and
its states are read with b bits, as by the treatment ``analog``; the gradient there
moves the clean weights, and passes the levels as if they were not there. Noise and
levels are the same in all slots and pixels. Validation and the checkpoint are of the
clean weights.

Source: arXiv 2411.18271.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from fernn.models.forecaster import Forecaster
from fernn.training.settings import Settings
from fernn.training.strategies import Run, Strategy
from fernn.treatments import AfterStep
from fernn.treatments.analog import EXACT, levels, program
from fernn.treatments.analog import objection as of_options
from labrun.errors import UserError
from labrun.random_words import derived


class NoiseAware(Strategy):
    """Noise around each step, and levels in each call."""

    def __init__(self, model: Any, settings: Settings, noise: float, bits: int):
        self.model, self.seed = model, settings.seed
        self.noise, self.bits = noise, bits
        self.clean: list[tuple[nn.Parameter, Tensor, Tensor]] = []

    @torch.no_grad()
    def before_step(self, run: Run, optimiser: torch.optim.Optimizer) -> None:
        """Program the weights, which are not biases."""
        self.clean = []
        if not self.noise:
            return
        weights = [weight for weight in self.model.parameters() if weight.ndim > 1]
        before = [weight.clone() for weight in weights]
        program(self.model, self.noise, derived(self.seed, "noise_aware", run["step"]))
        noisy = [weight.clone() for weight in weights]
        self.clean = list(zip(weights, before, noisy, strict=True))

    @torch.no_grad()
    def after_step(self, run: Run) -> None:
        """The clean weights make the step that the noisy ones have made."""
        for weight, before, noisy in self.clean:
            weight.copy_(before + (weight - noisy))
        self.clean = []

    def call(self, network: Any, seen: tuple[Any, ...], target: Tensor) -> Tensor:
        """With states that are read through the converter."""
        if self.bits >= EXACT:
            return network(*seen)
        cell = self.model.cell
        signed = cell.activation != "relu"
        self.model.cell = AfterStep(
            cell, lambda state, first: straight_through(state, self.bits, signed)
        )
        try:
            return network(*seen)
        finally:
            self.model.cell = cell


def straight_through(state: Tensor, bits: int, signed: bool) -> Tensor:
    """The nearest levels, with the gradient of the state itself."""
    return state + (levels(state.detach(), bits, signed) - state.detach())


def build(
    model: nn.Module,
    settings: Settings,
    needs: Any,
    *,
    weight_noise: float = 0.03,
    bits: int = EXACT,
) -> NoiseAware:
    """Training with the noise of a crossbar.

    Args:
        model: a forecaster.
        settings: of the training.
        needs: none.
        weight_noise: standard deviation, relative to the largest weight of a layer.
        bits: of the converter; 32: no levels.

    Raises:
        UserError: the model is no forecaster, or a number is out of range.
    """
    message = of_options(bits=bits, weight_noise=weight_noise)
    if message:
        raise UserError(f"noise_aware: {message}")
    if not isinstance(model, Forecaster):
        raise UserError(f"noise_aware: a {type(model).__name__} has no cell to read")
    return NoiseAware(model, settings, weight_noise, bits)
