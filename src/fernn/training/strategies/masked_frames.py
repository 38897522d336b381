r"""The weights of masked inputs are learnt beside a trained network, which stays.

.. math::
    L = L_\text{task} + c \frac{1}{H - 1} \sum_{j=1}^{H-1} \bigl\| h_{T+j}
        - \bar h_{T+j} \bigr\|^2

The model's roll-out is `masked`. Its other weights are those of a base that was trained
before, and are not moved: with the roll-out of the base, it predicts what the base
predicts, to the bit. The sum is the consistency loss: :math:`\bar h` is the state after
the true frame in the place of the masked one.

Source: M. Samragh and others, 2025, arXiv 2507.11851.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from fernn.models.rollouts.masked import Mask
from fernn.training.settings import Settings
from fernn.training.strategies.multi_frame import MultiFrame
from labrun.errors import UserError

NEEDS = ("base",)


class MaskedFrames(MultiFrame):
    """Only the weights of the roll-out are moved.

    Args:
        model: a forecaster with the roll-out `masked`.
        consistency: c.
    """

    def __init__(self, model: Any, consistency: float):
        super().__init__(model, 0.0, consistency)

    def parameters(self, model: nn.Module) -> Iterator[nn.Parameter]:
        """Those of masked steps."""
        return self.model.rollout_weights.parameters()

    def penalty(
        self, network: Any, seen: tuple[Any, ...], output: Tensor, target: Tensor
    ) -> Tensor | float:
        """The consistency; weights that do not act, in steps of one frame, get 0."""
        idle = sum(each.sum() for each in self.parameters(self.model))
        return super().penalty(network, seen, output, target) + 0.0 * idle


def build(
    model: nn.Module,
    settings: Settings,
    needs: Any,
    *,
    base: str,
    consistency: float = 0.0,
) -> MaskedFrames:
    """Masked inputs of a network that is trained already.

    Args:
        model: a forecaster with the roll-out `masked`, like the base in all else.
        settings: of the training.
        needs: the trained base.
        base: a model of the experiment, trained before.
        consistency: c, the weight of the distance of states.

    Raises:
        UserError: c is negative, the model has no masked steps, its other weights are
            not of the base's names and shapes, or only one frame is predicted.
    """
    if settings.horizon < 2:
        raise UserError(
            "masked_frames needs a horizon of two frames or more, since the first is"
            f" read from the observed state, got {settings.horizon}"
        )
    if consistency < 0:
        raise UserError(
            f"masked_frames.consistency must not be negative, got {consistency}"
        )
    mask = getattr(model, "rollout_weights", None)
    if not isinstance(mask, Mask):
        raise UserError("strategy masked_frames needs a model with `rollout: masked`")
    given, own = needs["base"].state_dict(), model.state_dict()
    masked = {f"rollout_weights.{name}" for name in mask.state_dict()}
    shapes = {name: each.shape for name, each in own.items() if name not in masked}
    if shapes != {name: each.shape for name, each in given.items()}:
        raise UserError(
            f"masked_frames: base {base!r} and the model differ in more than the"
            " roll-out"
        )
    model.load_state_dict(given, strict=False)
    model.requires_grad_(False)
    mask.requires_grad_(True)
    return MaskedFrames(model, consistency)
