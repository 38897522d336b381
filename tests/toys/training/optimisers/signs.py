"""Steps of one size, in the direction of the gradient's signs."""

from __future__ import annotations

from collections.abc import Iterable

import torch


class Signs(torch.optim.Optimizer):
    """Gradient descent by signs."""

    @torch.no_grad()
    def step(self, closure=None) -> None:
        """Move every weight by the learning rate."""
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    weight -= group["lr"] * group["scale"] * weight.grad.sign()


def build(
    parameters: Iterable[torch.Tensor], learning_rate: float, *, scale: float = 1.0
) -> Signs:
    """An optimiser of the parameters."""
    return Signs(parameters, {"lr": learning_rate, "scale": scale})
