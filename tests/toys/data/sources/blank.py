"""Digits without ink."""

from __future__ import annotations

import numpy as np
import xarray as xr

from fernn.videos import atlas


def fetch(count: int) -> xr.Dataset:
    """An atlas of `count` blank digits, of which a third is held out twice."""
    held_out = {"val": count // 3, "test": count // 3}
    return atlas.of_digits(
        np.zeros((count, 2, 2), np.uint8),
        np.zeros(count, np.uint8),
        atlas.partition(count, held_out),
        scale=1,
        source="blank digits",
        citation="",
        sha256={},
    )
