"""The state is corrected by the surprise at each observed frame, with a fixed step.

It is what a forecaster with ``recoding`` learns with, done to one that was trained
without; see `fernn.models._recoding`.

Source: arXiv 2101.00674.
"""

from __future__ import annotations

from torch import nn

from fernn.models._recoding import Recoding
from fernn.treatments import Stepwise, extended

NEUTRAL = {"step": 0.0}
MODELS = ("forecaster",)


class Recoded(Stepwise):
    """A forecaster whose state is corrected after every observed frame."""


def objection(*, step: float = 0.0):
    """Refuse a negative step: the reason in one line, or None."""
    return None if step >= 0 else f"step must not be negative, got {step}"


def treat(model: nn.Module, *, step: float = 0.0) -> nn.Module:
    """A copy that corrects its state by `step`, s, times the gradient.

    Raises:
        UserError: the model is no forecaster.
    """
    recoding = Recoding("fixed", step, features=0) if step else None
    return extended(model, Recoded, recoding=recoding)
