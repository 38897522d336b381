"""A linear warm-up, then a cosine to zero."""

from __future__ import annotations

import math


def factor(step: int, steps: int, *, warm_up: float = 0.05) -> float:
    """Rises during a share `warm_up` of the steps, and then falls."""
    warm = max(1, round(warm_up * steps))
    if step < warm:
        return (step + 1) / warm
    return 0.5 * (1 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))
