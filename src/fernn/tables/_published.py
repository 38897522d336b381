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


# By the velocities of the training data, then by those in the model's V.
TRANSLATION = frozenset(aggregate.square(2))  # pixels per frame
ROTATION = frozenset((degrees,) for degrees in range(-40, 41, 10))  # per frame
VALUES = {
    (TRANSLATION, frozenset({(0, 0)})): Value(8.1e-3, 6e-4),  # G-RNN
    (TRANSLATION, frozenset(aggregate.square(1))): Value(5.3e-4, 8e-5),  # FERNN-V1
    (TRANSLATION, TRANSLATION): Value(1.5e-4, 2e-5),  # FERNN-V2
    (ROTATION, frozenset({(0,)})): Value(4.0e-3, 5e-4),  # G-RNN
    (ROTATION, ROTATION): Value(6.1e-4, 3e-5),  # FERNN-V4
}


def forecasting_error(trained: Iterable, velocities: Iterable) -> Value | None:
    """The published test MSE of a model on flowing digits, or None.

    Args:
        trained: the velocities of the training data; (rows, columns) in pixels per
            frame, or (degrees,) per frame.
        velocities: the model's V.
    """
    sets = [frozenset(map(tuple, group)) for group in (trained, velocities)]
    return VALUES.get((sets[0], sets[1]))
