r"""The state is corrected by the surprise at each observed frame.

Recoding with the surprise as its signal. After frame t the state takes a step down the
gradient of

.. math:: \delta(h) = \tfrac12 \bigl\lVert \mathrm{Dec}(\max_\nu h_t(\nu)) - f_t
          \bigr\rVert^2, \qquad h_t \leftarrow h_t - s \, \nabla \delta(h_t),

the error of reading the frame just seen. To first order it falls by
:math:`s \lVert \nabla \delta \rVert^2`. A flow of the input moves the gradient of this
invariant number as it moves the state, so the treatment is equivariant.

Source: arXiv 2101.00674.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from fernn.cells import State
from fernn.treatments import Stepwise, extended

NEUTRAL = {"step": 0.0}
MODELS = ("forecaster",)


class Recoding(Stepwise):
    """A forecaster whose state is corrected after every observed frame."""

    recoding: float

    def _take_in(
        self, lifted: Tensor, state: Tensor | None, frame: Tensor, time: int
    ) -> Tensor:
        found = super()._take_in(lifted, state, frame, time)
        if not self.recoding:
            return found
        return found - self.recoding * gradient(self, found, frame, time)


def surprise(model: Any, state: State, frame: Tensor, time: int) -> Tensor:
    """δ of each sample, (batch)."""
    read = model.decode(model.cell.lab(state, time))
    return (read - frame).square().sum((1, 2, 3)) / 2


def gradient(model: Any, state: State, frame: Tensor, time: int) -> Tensor:
    """∇δ, of the shape of the state; no gradient of weights is computed."""
    with torch.enable_grad():
        leaf = state.detach().requires_grad_()
        error = surprise(model, leaf, frame, time).sum()
        return torch.autograd.grad(error, leaf)[0]


def objection(*, step: float = 0.0):
    """Refuse a negative step: the reason in one line, or None."""
    return None if step >= 0 else f"step must not be negative, got {step}"


def treat(model: nn.Module, *, step: float = 0.0) -> nn.Module:
    """A copy that corrects its state by `step`, s, times the gradient.

    Raises:
        UserError: the model is no forecaster.
    """
    return extended(model, Recoding, recoding=step)
