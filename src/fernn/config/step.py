"""What a model sees in a training step, and how often a layer is computed in it.

A layer costs one pass forward and two backward, one backward where it sees what needs
no gradient, as the input itself.
"""

from __future__ import annotations

from dataclasses import dataclass

FIRST, INNER = 2, 3  # passes of a layer that sees the input, and of any other


@dataclass(frozen=True)
class Step:
    """What a model sees in one training step.

    Attributes:
        size: height and width of a frame.
        observed: frames.
        predicted: frames, on average; 0 for a classifier.
    """

    size: int
    observed: int
    predicted: float = 0.0
