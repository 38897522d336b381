"""How a number of ours compares with the published one, in a word or two."""

from __future__ import annotations

import math

import xarray as xr

from fernn.tables._published import Value

TOLERANCE = 0.1  # of the published value


def verdict(
    cube: xr.Dataset, mean: float, std: float, published: Value | None, protocol: str
) -> str:
    """What `compared` says, if the two can be compared, and else why they cannot.

    Args:
        cube: that our number is from.
        mean: of our seeds; infinite if one diverged.
        std: of our seeds, NaN if there is one seed only.
        published: what to compare with; None if no number is known.
        protocol: of the published number.
    """
    if published is None:
        return "not published"
    if not cube.attrs["published_size"]:
        return f"not comparable: {cube.attrs['budget']} size"
    if cube.attrs["protocol"] != protocol:
        return f"not comparable: protocol {cube.attrs['protocol']}"
    return compared(mean, std, published)


def compared(mean: float, std: float, published: Value) -> str:
    """``reproduced``, ``lower`` or ``higher`` than the published value.

    Args:
        mean: of our seeds; infinite if one diverged.
        std: of our seeds, NaN if there is one seed only.
        published: what to compare with.
    """
    combined = math.hypot(published.std, 0.0 if math.isnan(std) else std)
    allowed = max(2 * combined, TOLERANCE * published.mean)
    if abs(mean - published.mean) <= allowed:
        return "reproduced"
    return "lower" if mean < published.mean else "higher"
