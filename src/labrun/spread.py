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
    with np.errstate(invalid="ignore", over="ignore"):  # a seed that diverged
        sigma = float(given.std(ddof=1))
    half = quantile(given.size - 1) * sigma / math.sqrt(given.size)
    low, high = told[name] - half, told[name] + half
    return told | {f"{name}{SIGMA}": sigma, f"{name}{LOW}": low, f"{name}{HIGH}": high}


def quantile(freedom: float, level: float = LEVEL) -> float:
    """Student's t, which lies within plus and minus this with the probability `level`.

    Args:
        freedom: degrees of it.
        level: of the interval.
    """
    from scipy.special import stdtrit  # without all of scipy.stats

    return float(stdtrit(freedom, (1 + level) / 2))
