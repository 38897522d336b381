"""The error of one model, as several tables tell it: clipped, and in long roll-outs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import xarray as xr

from fernn.evaluation import aggregate


def clipped(cube: xr.Dataset, model: str) -> xr.DataArray:
    """The error of predictions clipped to [0, 1], (seed, sample, frame)."""
    return aggregate.worst(cube["clamped_squared_error"].sel(model=model))


def last_frames(
    cube: xr.Dataset, model: str, multiples: Sequence[int]
) -> Iterator[tuple[str, xr.DataArray]]:
    """The clipped error at the end of roll-outs of several trained horizons.

    Args:
        cube: of an axis whose roll-outs are long.
        model: its name.
        multiples: k, of the trained horizon; those beyond the cube are left out.

    Yields:
        The name ``length_{k}x`` and the error, (seed, sample, frame), of the last
        frames, as many as the trained horizon, of a roll-out of k horizons.
    """
    error, horizon = clipped(cube, model), int(cube.attrs["horizon"])
    for multiple in multiples:
        end = multiple * horizon
        if end <= int(error["frame"].max()):
            part = error.sel(frame=slice(end - horizon + 1, end))
            yield f"length_{multiple}x", part
