"""A linear warm-up, then a cosine to zero."""

from __future__ import annotations

import math

WARM_UP = 0.05  # of the steps


def factor(step: int, steps: int) -> float:
    """Rises during a twentieth of the steps, and then falls."""
    warm = max(1, round(WARM_UP * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))
