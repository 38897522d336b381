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


def fixed_points(**changes) -> xr.Dataset:
    """Residuals that shrink in the co-moving frame alone, and few eigenvalues."""
    time, rng = np.arange(1, 20), np.random.default_rng(8)
    many = (len(TRAINED), len(SEEDS))
    shape = (*many, 2, 2, 3, time.size)
    residual = _levels(6) * np.exp(-time / 10) * rng.lognormal(0, 0.2, shape)
    residual[:, :, 1] = 0.5
    residual[:, :, :, 1, :, : CONTEXT - 1] = np.nan
    dims = ("model", "seed")
    return xr.Dataset(
        {
            "residual": ((*dims, "system", "run", "sample", "time"), residual),
            "fixed_residual": ((*dims, "start"), np.full((*many, 2), 1e-6)),
            "eigenvalue": (
                (*dims, "part", "start", "number"),
                rng.uniform(-1, 1.2, (*many, 2, 2, 5)),
            ),
            "kick": ((*dims, "channel"), rng.lognormal(0, 1, (*many, 4))),
        },
        coords={"model": TRAINED, "seed": list(SEEDS), "time": time}
        | {"system": ["comoving", "lab"], "run": ["driven", "rollout"]}
        | {"part": ["real", "imaginary"]},
        attrs=attrs("fixed_points", **changes),
    )


def timescales(**changes) -> xr.Dataset:
    """Autocorrelations that fall with the lag, of four channels."""
    lag, rng = np.arange(20), np.random.default_rng(9)
    tau = rng.lognormal(1, 0.3, (len(TRAINED), len(SEEDS), 4))
    dims = ("model", "seed", "channel")
    return xr.Dataset(
        {
            "autocorrelation": ((*dims, "lag"), np.exp(-lag / tau[..., None])),
            "timescale": (dims, tau),
        },
        coords={"model": TRAINED, "seed": list(SEEDS), "lag": lag},
        attrs=attrs("timescales", **changes),
    )


def state_graph(**changes) -> xr.Dataset:
    """Periods of four sequences, half of them recovered."""
    rng, many = np.random.default_rng(10), (len(TRAINED), len(SEEDS), 2)
    dims = ("model", "seed", "run")
    period = np.broadcast_to([12.0, 12.0, 3.0, 4.0], (*many, 4)).copy()
    return xr.Dataset(
        {
            "period": ((*dims, "sample"), period),
            "true_period": ((*dims[:2], "sample"), np.full((*many[:2], 4), 12.0)),
            "determinism": (dims, rng.uniform(0.5, 1, many)),
        },
        coords={"model": TRAINED, "seed": list(SEEDS), "run": ["driven", "rollout"]},
        attrs=attrs("state_graph", **changes),
    )
