r"""Exponents of a roll-out, and the length at which its error doubles.

Of a size :math:`s_n` after n frames, the exponent is the mean growth of its logarithm
beyond the trained horizon h, :math:`\lambda = \log(s_N / s_h) / (N - h)`, in units of
1/frame. The gap is the rate at which a roll-out loses the answer that an equivariant
model gives to a perturbation along the group. With the deviation :math:`\delta_N`
between directions, whose cosine is :math:`1 - \delta_N^2 / 2`,

.. math:: \text{gap} = -\tfrac{1}{N} \log\bigl(1 - \tfrac12 \delta_N^2\bigr)

It is zero if and only if the deviation is. See `fernn.evaluation.lyapunov`.
"""

from __future__ import annotations

import numpy as np
import xarray as xr

from fernn.evaluation import aggregate


def gap(cube: xr.Dataset) -> xr.DataArray:
    """The mean over sequences and directions of the gap, 1/frame, (model, seed).

    Of the perturbation ``flow``; `cube` is of the statistic `lyapunov`.
    """
    last = cube["deviation"].sel(perturbation="flow").isel(frame=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = -np.log1p(-(last.values**2) / 2) / int(cube["frame"][-1])
    return last.copy(data=rate).mean(("direction", "sample"), skipna=False)


def tangent(cube: xr.Dataset) -> xr.DataArray:
    """The exponent along the group's tangent, 1/frame, (model, seed)."""
    size = cube["displacement"].sel(perturbation="shift")
    with np.errstate(divide="ignore", invalid="ignore"):
        logarithm = size.copy(data=np.log(size.values))
    return _rate(cube, logarithm).mean(("direction", "sample"), skipna=False)


def largest(cube: xr.Dataset) -> xr.DataArray:
    """The largest ordinary Lyapunov exponent, 1/frame, (model, seed)."""
    return _rate(cube, cube["stretch"]).mean("sample", skipna=False)


def _rate(cube: xr.Dataset, logarithm: xr.DataArray) -> xr.DataArray:
    first, last = int(cube.attrs["horizon"]), int(cube["frame"][-1])
    ends = logarithm.sel(frame=[first, last]).values
    rate = (ends[..., 1] - ends[..., 0]) / (last - first)
    return logarithm.isel(frame=0, drop=True).copy(data=rate)


def doubling(cube: xr.Dataset) -> xr.DataArray:
    """The first frame with twice the error of the trained frames, (model, seed).

    Errors are means over sequences. Infinite if the roll-out ends before.
    """
    error = aggregate.worst(cube["squared_error"].mean("sample", skipna=False))
    trained = aggregate.trained_frames(cube)["squared_error"].mean(("sample", "frame"))
    beyond = error["frame"] > int(cube.attrs["horizon"])
    twice = (error >= 2 * trained) & beyond
    first = error["frame"].where(twice).min("frame")
    return first.fillna(np.inf)
