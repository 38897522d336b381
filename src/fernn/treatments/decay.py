r"""The state forgets a share of itself after every step, :math:`h \leftarrow d\,h`.

A remedy, without training, of states that grow beyond the trained length (*Stuffed
Mamba*). A number that is the same everywhere commutes with every flow.

Source: Y. Chen and others, Stuffed Mamba, COLM 2025, arXiv 2410.07145.
"""

from __future__ import annotations

from torch import nn

from fernn.treatments import after_each_step

NEUTRAL = {"factor": 1.0}
MODELS = ("forecaster",)


def objection(*, factor: float = 1.0):
    """Refuse a factor outside 0 to 1: the reason in one line, or None."""
    if not 0 <= factor <= 1:
        return f"factor must be from 0 to 1, got {factor}"
    return None


def treat(model: nn.Module, *, factor: float = 1.0) -> nn.Module:
    """A copy whose state is multiplied by `factor`, d, after every step.

    Raises:
        UserError: the model is no forecaster.
    """

    def decayed(state, first: bool):
        return state if factor == 1 else factor * state

    return after_each_step(model, "decay", decayed)
