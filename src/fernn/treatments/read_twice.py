"""The observed frames are read again, from the state that the first reading left.

It is what a forecaster with ``readings`` learns with, done to one that was trained with
one; see `fernn.models._rereading`.

Source: S. Arora and others, Just Read Twice, 2024, arXiv 2407.05483.
"""

from __future__ import annotations

from torch import nn

from fernn.treatments import Stepwise, extended

NEUTRAL = {"readings": 1}
MODELS = ("forecaster",)


class Rereading(Stepwise):
    """A forecaster that reads its frames several times."""


def objection(*, readings: int = 1, pulled_back: bool = True):
    """Refuse fewer than one reading: the reason in one line, or None."""
    if not isinstance(readings, int) or readings < 1:
        return f"readings must be a positive whole number, got {readings}"
    return None


def treat(
    model: nn.Module, *, readings: int = 1, pulled_back: bool = True
) -> nn.Module:
    """A copy that reads the observed frames so many times.

    Args:
        model: a forecaster.
        readings: of all observed frames; each costs as much as the first.
        pulled_back: by the flow of each slot, before frame 1 comes again.

    Raises:
        UserError: the model is no forecaster.
    """
    return extended(model, Rereading, readings=readings, pulled_back=pulled_back)
