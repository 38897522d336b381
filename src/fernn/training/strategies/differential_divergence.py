r"""Differences of successive frames are compared as distributions over their pixels.

.. math::
   p_t = \mathrm{softmax}\big((\hat f_{t+1} - \hat f_t)/\tau\big), \qquad
   q_t = \mathrm{softmax}\big((f_{t+1} - f_t)/\tau\big), \qquad
   \mathcal{L} = \frac{1}{N} \sum_{t, x} p_t(x) \log \frac{p_t(x)}{q_t(x)}

over the N numbers of all differences, times `weight`: the second loss of TAU (C. Tan
and others, CVPR 2023, arXiv 2206.12126). It is the same for frames to which a constant
is added, and zero for two predicted frames or fewer, as in its code.

Source: C. Tan and others, CVPR 2023, arXiv 2206.12126.
"""

from __future__ import annotations

from typing import Any

from jaxtyping import Float
from torch import Tensor, nn

from fernn.training.settings import Settings
from fernn.training.strategies import Strategy
from labrun.errors import UserError

FEWEST = 3  # predicted frames with a loss
Videos = Float[Tensor, "batch time channel height width"]


class DifferentialDivergence(Strategy):
    """Weight times the divergence above."""

    def __init__(self, weight: float, temperature: float):
        self.weight, self.temperature = weight, temperature

    def penalty(
        self, network: Any, seen: tuple[Any, ...], output: Tensor, target: Tensor
    ) -> Tensor | float:
        """The weighted loss of predicted and true frames."""
        if output.shape[1] < FEWEST:
            return 0.0
        return self.weight * divergence(output, target, self.temperature)


def divergence(
    predicted: Videos, true: Videos, temperature: float
) -> Float[Tensor, ""]:
    """The mean over all numbers of the differences."""
    p, q = (
        (frames.diff(dim=1).flatten(2) / temperature).log_softmax(-1)
        for frames in (predicted, true)
    )
    return (p.exp() * (p - q)).mean()


def build(
    model: nn.Module,
    settings: Settings,
    needs: Any,
    *,
    weight: float = 0.1,
    temperature: float = 0.1,
) -> DifferentialDivergence:
    """See the module.

    Args:
        model: that forecasts.
        settings: of the training.
        needs: none.
        weight: of the loss.
        temperature: τ.

    Raises:
        UserError: τ is not positive.
    """
    if not temperature > 0:
        raise UserError(
            f"differential_divergence.temperature must be positive, got {temperature}"
        )
    return DifferentialDivergence(weight, temperature)
