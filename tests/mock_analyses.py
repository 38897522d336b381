"""Small cubes of what analyses find in a model's states, plausible."""

from __future__ import annotations

import numpy as np
import xarray as xr

from mock_cubes import CONTEXT, LEVEL, LONG, SEEDS, TRAINED, attrs


def _levels(dims: int) -> np.ndarray:
    return np.array([LEVEL[name] for name in TRAINED]).reshape(-1, *[1] * (dims - 1))


def state_norm(**changes) -> xr.Dataset:
    """Norms and errors that grow, two sequences, twice the trained length."""
    time, rng = np.arange(1, 2 * (CONTEXT + LONG)), np.random.default_rng(7)
    shape = (len(TRAINED), len(SEEDS), 2, 2, time.size)
    grown = _levels(5) * (1 + time) * rng.lognormal(0, 0.2, shape)
    grown[:, :, 1, :, : CONTEXT - 1] = np.nan
    dims = ("model", "seed", "run", "sample", "time")
    names = ("norm", "channel_share", "squared_error")
    return xr.Dataset(
        {name: (dims, grown) for name in names},
        coords={"model": TRAINED, "seed": list(SEEDS), "time": time}
        | {"run": ["driven", "rollout"]},
        attrs=attrs("state_norm", **changes),
    )
