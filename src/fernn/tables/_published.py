"""The published numbers, with where they come from and how sure they are."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from fernn.evaluation import aggregate

SOURCE = (
    "Published: T. A. Keller, Flow Equivariant Recurrent Neural Networks,"
    " NeurIPS 2025, arXiv 2507.14793, Table 1 (test MSE, mean ± std over seeds)."
)
EVIDENCE = (
    "The published values were taken from secondary notes on the paper, not checked"
    " against its PDF; the number of its seeds is not stated."
)


@dataclass(frozen=True)
class Value:
    """A published mean and standard deviation over seeds."""

    mean: float
    std: float


# Digits moving at up to 2 pixels per frame; by the largest speed in the model's V.
TRANSLATION_SPEED = 2
TRANSLATION = {
    0: Value(8.1e-3, 6e-4),  # G-RNN
    1: Value(5.3e-4, 8e-5),  # FERNN-V1
    2: Value(1.5e-4, 2e-5),  # FERNN-V2
}


def forecasting_error(max_speed: int, velocities: Iterable) -> Value | None:
    """The published test MSE of a model on translating digits, or None.

    Args:
        max_speed: of the training data, pixels per frame.
        velocities: the model's V, (rows, columns), pixels per frame.
    """
    if max_speed != TRANSLATION_SPEED:
        return None
    found = {tuple(velocity) for velocity in velocities}
    for speed, value in TRANSLATION.items():
        if found == aggregate.square(speed):
            return value
    return None
