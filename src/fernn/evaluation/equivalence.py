r"""Whether two means are equivalent: an interval of their difference within a margin.

Errors are compared by the logarithm of the ratio of their geometric means, accuracies
by the difference of their means. Each side brings its squared standard error; with
:math:`e_i` and its degrees of freedom :math:`d_i`, Welch's interval of the difference D
is

.. math:: D \pm t_d \sqrt{\sum_i e_i}, \qquad
   d = \Bigl(\sum_i e_i\Bigr)^2 \Big/ \sum_i e_i^2 / d_i

The spread of either side widens the interval and leaves the margin as it is. Two means
are equivalent if the interval lies within the margin on both sides of zero: the two
one-sided tests of Schuirmann (1987), each at (1 - `LEVEL`) / 2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from labrun.spread import quantile

LEVEL = 0.95  # of the interval, as of all others here
UNDECIDED = "undecided"
Scale = Literal["ratio", "difference"]
Word = Literal["reproduced", "lower", "higher", "undecided"]


class Interval(NamedTuple):
    """A difference and its bounds; the bounds are NaN where no spread is known."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """A mean, or a difference of means, on the scale on which it is compared.

    Attributes:
        value: the mean.
        errors: of each mean in it, the squared standard error and the degrees of
            freedom; NaN and 0 of a single seed.
    """

    value: float
    errors: tuple[tuple[float, int], ...]

    def __sub__(self, other: Estimate) -> Estimate:
        """The difference of two independent estimates."""
        return Estimate(self.value - other.value, self.errors + other.errors)

    def interval(self) -> Interval:
        """Welch's interval at `LEVEL`."""
        total = sum(error for error, _ in self.errors)
        if not total > 0:  # no spread at all, or one that is not known
            return Interval(self.value, self.value + total, self.value + total)
        freedom = total**2 / sum(error**2 / count for error, count in self.errors)
        half = quantile(freedom, LEVEL) * math.sqrt(total)
        return Interval(self.value, self.value - half, self.value + half)


def of_seeds(values: ArrayLike, scale: Scale) -> Estimate:
    """The mean over seeds of our own values, or of their logarithms.

    Args:
        values: one a seed; infinite where a seed diverged.
        scale: ``ratio`` takes logarithms.
    """
    seeds = np.asarray(values, float)
    with np.errstate(divide="ignore"):
        seeds = np.log(seeds) if scale == "ratio" else seeds
    if seeds.size < 2:
        return Estimate(float(seeds.mean()), ((math.nan, 0),))
    # Whatever the other seeds, the mean with one that diverged is infinite.
    spread = float(seeds.var(ddof=1)) if np.isfinite(seeds).all() else 0.0
    return Estimate(float(seeds.mean()), ((spread / seeds.size, seeds.size - 1),))


def of_summary(mean: float, std: float, seeds: int, scale: Scale) -> Estimate:
    r"""The same of a publication, which tells no more than mean and deviation.

    Logarithms are taken to be normal with the moments of the published values:

    .. math:: \sigma^2 = \ln(1 + s^2 / m^2), \qquad \mu = \ln m - \sigma^2 / 2

    Args:
        mean: over seeds.
        std: of a seed; NaN if it is not told.
        seeds: over how many; 1 leaves the spread unknown.
        scale: ``ratio`` takes logarithms.
    """
    if scale == "ratio":
        variance = math.log1p((std / mean) ** 2)
        shift = 0.0 if math.isnan(variance) else variance / 2
        value = math.log(mean) - shift
    else:
        value, variance = mean, std**2
    if seeds < 2 or math.isnan(variance):
        return Estimate(value, ((math.nan, 0),))
    return Estimate(value, ((variance / seeds, seeds - 1),))


def word(interval: Interval, margin: float) -> Word:
    """``reproduced`` within the margin; else on which side of zero the interval lies.

    Args:
        interval: of ours minus the published, see `Estimate.interval`.
        margin: the largest difference that counts as none; positive.
    """
    if -margin <= interval.low and interval.high <= margin:
        return "reproduced"
    if interval.low > 0:
        return "higher"
    return "lower" if interval.high < 0 else UNDECIDED


def margin_of(margin: float, scale: Scale) -> float:
    """A margin as it is written, on the scale on which means are compared."""
    return math.log(margin) if scale == "ratio" else margin


def written(interval: Interval, scale: Scale) -> Interval:
    """An interval as it is read: of a ratio, not of its logarithm."""
    if scale == "difference":
        return interval
    return Interval(*(float(np.exp(each)) for each in interval))
