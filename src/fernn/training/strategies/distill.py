r"""Distillation: a trained teacher's predictions and states are imitated.

.. math::
    L = L_\text{task} + w_o \|\hat f - \hat f^T\|^2
        + w_s \frac{1}{T} \sum_t \|P \star a_t - b_t\|^2

with means over samples, frames and pixels; a and b are what the student and the teacher
decode to the next frame after each observed one, and P is a 1×1 convolution, which the
checkpoint drops. It commutes with every flow of translations, and a student keeps its
own equivariance whatever the teacher's. MaTVLM (arXiv 2503.13440) and M1 (2504.10449)
distil attention to recurrent students like that, with logits in place of frames.

Source: MaTVLM, arXiv 2503.13440; M1, arXiv 2504.10449.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from fernn.training.settings import Settings
from fernn.training.strategies import Strategy
from fernn.training.strategies._scaffold import attach, without
from labrun.errors import UserError

NEEDS = ("teacher",)


class Distillation(Strategy):
    """Weighted distances to the teacher are added to the loss."""

    def __init__(
        self, model: Any, teacher: Any, output: float, state: float, projection: Any
    ):
        self.model, self.teacher = model, teacher
        self.output, self.state, self.projection = output, state, projection

    def penalty(
        self, network: Any, seen: tuple[Any, ...], output: Tensor, target: Tensor
    ) -> Tensor | float:
        """The distances on this piece."""
        video, *rest = seen
        loss: Tensor | float = 0.0
        if self.output:
            with torch.no_grad():
                taught = self.teacher(video, *rest[:1])
            loss = self.output * (output - taught).square().mean()
        if self.state:
            with torch.no_grad():
                wanted = [*self.teacher.features(video)]
            own = [self.projection(each) for each in self.model.features(video)]
            gap = torch.stack(own) - torch.stack(wanted)
            loss = loss + self.state * gap.square().mean()
        return loss

    def kept(
        self, spec: dict[str, Any], weights: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The student without the projection."""
        return spec, without(weights)


def build(
    model: nn.Module,
    settings: Settings,
    needs: Any,
    *,
    teacher: str,
    output: float = 1.0,
    state: float = 0.0,
) -> Distillation:
    """Distillation.

    Args:
        model: the student.
        settings: of the training.
        needs: the trained teacher.
        teacher: a model of the experiment, trained before.
        output: weight of the distance of predictions.
        state: weight of the distance of projected states.

    Raises:
        UserError: a weight is negative, or a model whose states are compared has none.
    """
    for name, weight in {"output": output, "state": state}.items():
        if weight < 0:
            raise UserError(f"distill.{name} must not be negative, got {weight}")
    guiding, projection = needs["teacher"].requires_grad_(False).eval(), None
    if state:
        for each in (model, guiding):
            if not hasattr(each, "features"):
                kind = type(each).__name__
                raise UserError(f"strategy distill: a {kind} has no features")
        own, wide = _width(model), _width(guiding)
        projection = attach(
            model, "distill", settings.seed, lambda: nn.Conv2d(own, wide, 1, bias=False)
        )
    return Distillation(model, guiding, output, state, projection)


def _width(model: Any) -> int:
    """Channels of a model's features."""
    return model.cell.hidden * model.cell.flow.fibre
