"""Whether two models differ: paired over seeds, since the claim is about models.

Another training of the same model is another seed, so seeds are the units. Sequences,
clips and persons tell how these trained networks do on others of their kind, and
nothing of networks that would be trained anew: `over_persons` says so, and gives no
p-value.

The p-value is that of the sign-flip test, which assumes only that a seed's difference
is as likely of either sign if the models are alike. Of n seeds it is at least
:math:`2 / 2^n`: three cannot go below 0.25. Student's t could, by assuming that the
differences are normal, which three cannot show; the interval assumes it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import xarray as xr

from fernn.evaluation import aggregate

DRAWS = 10_000  # of signs, where there are more; and of persons
LEVEL = 0.95
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Effect:
    """How far a model is from another one, and what the seeds can say of it.

    Attributes:
        size: a mean difference, or a ratio.
        low: end of its interval; NaN for a single seed.
        high: the other end.
        p: of no effect.
        least_p: the smallest that as many seeds can give, uncorrected.
    """

    size: float
    low: float
    high: float
    p: float
    least_p: float


def difference(own: xr.DataArray, other: xr.DataArray) -> Effect | None:
    """The mean over seeds of one model's value minus the other's.

    Args:
        own: a value for each ``seed``.
        other: of the model that it is compared with; seeds are paired by name.

    Returns:
        None where a seed of either has no finite value.
    """
    apart = own - other  # aligned by seed
    if not apart.size or not np.isfinite(apart.values).all():
        return None
    low, high = aggregate.t_interval(apart)
    return Effect(float(apart.mean()), float(low), float(high), *_sign_flips(apart))


def ratio(own: xr.DataArray, other: xr.DataArray) -> Effect | None:
    """The geometric mean over seeds of one model's error over the other's.

    Args:
        own: an error for each ``seed``.
        other: of the model that it is compared with; seeds are paired by name.

    Returns:
        None where a seed of either diverged or is exact.
    """
    with np.errstate(divide="ignore"):  # of 0, an exact forecast
        found = difference(*(xr.apply_ufunc(np.log, each) for each in (own, other)))
    if found is None:
        return None
    ends = {name: math.exp(getattr(found, name)) for name in ("size", "low", "high")}
    return dataclasses.replace(found, **ends)


def _sign_flips(apart: xr.DataArray) -> tuple[float, float]:
    """The two-sided p-value of a mean of zero, and the least that there can be."""
    from scipy.stats import permutation_test  # a second

    count = apart.size
    least = 2 / min(2**count, DRAWS + 1)
    if count < 2:
        return 1.0, least
    tested = permutation_test(
        (apart.values.round(12),),  # differences that cancel are zero
        np.mean,
        permutation_type="samples",
        n_resamples=DRAWS,
        rng=np.random.default_rng(0),
    )
    return float(tested.pvalue), least


def columns(
    effects: Mapping[Key, Effect | None], size: str
) -> dict[Key, dict[str, float]]:
    """Columns of a table's comparisons, with p-values corrected for all of them.

    Args:
        effects: all that the table tests, its family; None where there is none.
        size: what the table calls the size of an effect.

    Returns:
        Of each `size`, ``low``, ``high``, ``p`` and ``least_p``; NaN without an effect.
    """
    tested = {key: effect for key, effect in effects.items() if effect is not None}
    corrected = holm([effect.p for effect in tested.values()])
    names = (size, "low", "high", "p", "least_p")
    rows = {key: dict.fromkeys(names, math.nan) for key in effects}
    for (key, effect), p in zip(tested.items(), corrected, strict=True):
        values = dataclasses.astuple(dataclasses.replace(effect, p=p))
        rows[key] = dict(zip(names, values, strict=True))
    return rows


def holm(values: Sequence[float]) -> list[float]:
    """p-values of a family, corrected by Holm's method, in their order."""
    order = np.argsort(values, kind="stable")
    corrected, largest = [0.0] * len(values), 0.0
    for rank, place in enumerate(order):
        largest = max(largest, (len(values) - rank) * values[place])
        corrected[place] = min(1.0, largest)
    return corrected


def over_persons(
    apart: np.ndarray, person: np.ndarray, seed: int = 0
) -> tuple[float, float]:
    """Interval of the mean difference of these trained networks, for other persons.

    Clips of one person are alike, so persons are drawn again with replacement, and the
    interval is that of percentiles. It does not tell of networks trained anew.

    Args:
        apart: the difference on each sample, averaged over seeds.
        person: whose clip it is.
        seed: of the draws.

    Returns:
        Its ends; NaN for a single person.
    """
    from scipy.stats import bootstrap

    place = np.unique(person, return_inverse=True)[1]
    sums = np.bincount(place, apart), np.bincount(place)
    if len(sums[1]) < 2:
        return math.nan, math.nan

    def mean(total: np.ndarray, count: np.ndarray, axis: int) -> Any:
        return (total.sum(axis) / count.sum(axis)).round(12)

    options = {"n_resamples": DRAWS, "confidence_level": LEVEL, "method": "percentile"}
    rng = np.random.default_rng(seed)
    found = bootstrap(sums, mean, paired=True, vectorized=True, rng=rng, **options)
    low, high = found.confidence_interval
    return float(low), float(high)
