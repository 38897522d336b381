r"""The state is corrected by the surprise at each observed frame.

After frame t the state takes a step down the gradient of

.. math:: \delta(h) = \tfrac12 \bigl\lVert \mathrm{Dec}(\max_\nu h_t(\nu)) - f_t
          \bigr\rVert^2, \qquad h_t \leftarrow h_t - s \, \nabla \delta(h_t),

the error of reading the frame just seen. To first order it falls by
:math:`s \lVert \nabla \delta \rVert^2`. A flow of the input moves the gradient of this
invariant number as it moves the state, so the correction is equivariant.

Source: arXiv 2101.00674.
"""

from __future__ import annotations

import math
from typing import Any, Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fernn.cells import Cell, State
from labrun.errors import UserError, require_known

Step = Literal["none", "fixed", "learned", "predicted"]


class Recoding(nn.Module):
    r"""The correction of a forecaster that learns with it.

    The step is ``fixed``; ``learned``, one number for all; or ``predicted`` from the
    state of each sequence, :math:`s = \exp(w \cdot \bar h + b)`, with the mean over
    pixels of the state pooled over V. In training, the gradient of weights flows
    through s and the state, and not through :math:`\nabla \delta`.

    Args:
        step: one of these.
        first: s at first, above 0.
        features: channels of a pooled state.
    """

    def __init__(self, step: Step, first: float, features: int):
        super().__init__()
        self.kind: Step = step
        self.first = first
        if step != "fixed":
            self.bias = nn.Parameter(torch.tensor([math.log(first)]))
        if step == "predicted":
            self.weight = nn.Parameter(torch.zeros(features))

    def forward(
        self,
        model: Any,
        state: State,
        frame: Float[Tensor, "batch channel height width"],
        time: int,
    ) -> State:
        """The corrected state after the `time`-th frame."""
        step = self.step(model, state, time)
        return state - step * gradient(model, state, frame, time)

    def step(
        self, model: Any, state: State, time: int
    ) -> float | Float[Tensor, "_ 1 1 1 1"]:
        """S of all sequences, or of each."""
        if self.kind == "fixed":
            return self.first
        found = self.bias
        if self.kind == "predicted":
            pooled = model.pool(model.cell.lab(state, time))
            found = found + pooled.mean((2, 3)) @ self.weight
        return found.exp().view(-1, 1, 1, 1, 1)


def corrected(step: Step, first: float, cell: Cell) -> Recoding | None:
    """The correction of a forecaster with this cell; None for ``none``.

    Raises:
        UserError: an unknown step, or one that is not positive.
    """
    require_known("recoding", step, get_args(Step))
    if first <= 0:
        raise UserError(f"recoding_step must be positive, got {first}")
    if step == "none":
        return None
    return Recoding(step, first, features=cell.hidden * cell.flow.fibre)


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
