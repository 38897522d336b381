"""Mean and spread of a number over seeds, under the names that a tracker shows."""

from __future__ import annotations

import math
from collections.abc import Sequence

LEVEL = 0.95
SIGMA, LOW, HIGH, COUNT = (
    ": standard deviation",
    ": interval low",
    ": interval high",
    ": seeds",
)


def of_seeds(name: str, values: Sequence[float]) -> dict[str, float]:
    """The mean as `name`, and beside it its spread and how many values there are.

    The standard deviation s is that of a sample, with n - 1; the interval is Student's
    of 95 %, mean ± t s / √n. One value has neither.
    """
    import numpy as np

    given = np.asarray(values, dtype=float)
    told = {name: float(given.mean()), f"{name}{COUNT}": float(given.size)}
    if given.size < 2:
        return told
    from scipy.special import stdtrit  # the quantile, without all of scipy.stats

    with np.errstate(invalid="ignore", over="ignore"):  # a seed that diverged
        sigma = float(given.std(ddof=1))
    half = float(stdtrit(given.size - 1, (1 + LEVEL) / 2)) * sigma
    half /= math.sqrt(given.size)
    low, high = told[name] - half, told[name] + half
    return told | {f"{name}{SIGMA}": sigma, f"{name}{LOW}": low, f"{name}{HIGH}": high}
