"""The published numbers, with where they come from and how sure they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from fernn.velocities import square

SOURCE = (
    "Published: T. A. Keller, Flow Equivariant Recurrent Neural Networks,"
    " NeurIPS 2025, arXiv 2507.14793, Table 1 (test MSE, mean ± std over seeds)."
)
EVIDENCE = (
    "The published values were taken from secondary notes on the paper, not checked"
    " against its PDF; the number of its seeds is not stated."
)

ACTIONS_SOURCE = (
    "Published: the same, Table 2 (Moving KTH test accuracy, mean ± std over seeds)."
)


@dataclass(frozen=True)
class Value:
    """A published mean and standard deviation over seeds."""

    mean: float
    std: float


# By the velocities of the training data, then by those in the model's V.
TRANSLATION = frozenset(square(2))  # pixels per frame
ROTATION = frozenset((degrees,) for degrees in range(-40, 41, 10))  # per frame
PROTOCOL = "published"
VALUES = {
    (TRANSLATION, frozenset({(0, 0)})): Value(8.1e-3, 6e-4),  # G-RNN
    (TRANSLATION, frozenset(square(1))): Value(5.3e-4, 8e-5),  # FERNN-V1
    (TRANSLATION, TRANSLATION): Value(1.5e-4, 2e-5),  # FERNN-V2
    (ROTATION, frozenset({(0,)})): Value(4.0e-3, 5e-4),  # G-RNN
    (ROTATION, ROTATION): Value(6.1e-4, 3e-5),  # FERNN-V4
}


def forecasting_error(trained: Iterable, model: Iterable) -> Value | None:
    """The published test MSE of a model on flowing digits, or None.

    Args:
        trained: the velocities of the training data; (rows, columns) in pixels per
            frame, or (degrees,) per frame.
        model: the velocities of its V.
    """
    sets = [frozenset(map(tuple, group)) for group in (trained, model)]
    return VALUES.get((sets[0], sets[1]))


# Moving KTH at up to 2 pixels per frame; of the G-RNN+ and FERNN-V1 no number is known.
ACTIONS_SPEED = 2
ACTIONS_PROTOCOL = "kth"
CONV3D = Value(0.626, 0.02)
ACTIONS = {0: Value(0.665, 0.03), 2: Value(0.716, 0.04)}


def accuracy(attrs: Mapping[str, Any], about: Mapping[str, Any]) -> Value | None:
    """The published test accuracy of a model on Moving KTH, or None.

    Args:
        attrs: of the cube; its protocol is ``kth``.
        about: of the model: its kind, V, and whether its shifts are learned.
    """
    if attrs["protocol"] != ACTIONS_PROTOCOL or attrs["max_speed"] != ACTIONS_SPEED:
        return None
    if about["kind"] == "conv3d":
        return CONV3D
    found = {tuple(velocity) for velocity in about["velocities"]}
    for speed, value in ACTIONS.items():
        if found == set(square(speed)) and "+" not in about["label"]:
            return value
    return None


# A step of the FERNN over one of the G-RNN, in the paper's own loop over V; of which V
# and on which machine is not known.
SLOWDOWN = Value(30.0, float("nan"))
SLOWDOWN_SOURCE = (
    "Published: the same, about its own implementation, a plain loop: about 30 times"
    " slower than the G-RNN (V and sizes unknown)."
)
