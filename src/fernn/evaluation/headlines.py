r"""The number of each statistic by which two models are compared, one a seed.

Those of analyses are

* ``state_norm``: the error of the next frame after all true frames, over that at the
  end of the trained length, context + horizon - 1;
* ``fixed_points``: the relative change of the state at the end of the roll-out, in the
  frame of its velocity;
* ``timescales``: the median over the channels, where one that never falls counts as the
  longest lag that was measured;
* ``state_graph``: the share of sequences whose cycle in the roll-out has the true
  length.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import numpy as np
import xarray as xr

from fernn.evaluation import aggregate
from fernn.evaluation.equivalence import Scale
from fernn.evaluation.errors import by_class, clipped, last_frames, raw

Better = Literal["lower", "higher"]
Values = Callable[[xr.Dataset, str], xr.DataArray]


class Headline(NamedTuple):
    """A number of a model.

    Attributes:
        name: what it is.
        scale: two are compared by their ratio, or by their difference.
        better: which is; None for a property of neither.
        values: of a cube and a model, (seed).
    """

    name: str
    scale: Scale
    better: Better | None
    values: Values


SHOWS = {
    "in_distribution": {
        "statistic": "squared_error",
        "draw": "sampled",
        "longer": False,
    },
    "length": {"statistic": "squared_error", "draw": "sampled", "longer": True},
    "velocity": {"statistic": "squared_error", "draw": "grid"},
    "strict_error": {"statistic": "strict_error", "draw": "sampled"},
    "camera": {"statistic": "classification", "draw": "grid"},
    "state_norm": {"statistic": "state_norm", "draw": "sampled"},
    "fixed_points": {"statistic": "fixed_points", "draw": "sampled"},
    "timescales": {"statistic": "timescales", "draw": "sampled"},
    "state_graph": {"statistic": "state_graph", "draw": "sampled"},
}


def _near(cube: xr.Dataset, model: str) -> xr.DataArray:
    error = clipped(aggregate.trained_frames(cube), model)
    return error.mean(("sample", "frame"))


def _far(cube: xr.Dataset, model: str) -> xr.DataArray:
    """Of the last frames of the longest roll-out."""
    *_, (_, error) = last_frames(cube, model)
    return error.mean(("sample", "frame"))


def _new(cube: xr.Dataset, model: str) -> xr.DataArray:
    """Of velocities that are not in the training data; of all models the same ones."""
    error = clipped(aggregate.trained_frames(cube), model).mean("frame")
    error = error.transpose("seed", "sample")
    about = aggregate.models(cube)[model] | {"role": "baseline"}
    unseen = by_class(cube, error, about)["unseen"]
    return error.isel(sample=0, drop=True).copy(data=unseen)


def _kept(cube: xr.Dataset, model: str) -> xr.DataArray:
    return raw(aggregate.trained_frames(cube), model).mean(("sample", "frame"))


def _accuracy(cube: xr.Dataset, model: str) -> xr.DataArray:
    return cube["correct"].sel(model=model).mean("sample")


def _growth(cube: xr.Dataset, model: str) -> xr.DataArray:
    error = cube["squared_error"].sel(model=model, run="driven").mean("sample")
    trained = int(cube.attrs["context"]) + int(cube.attrs["horizon"]) - 1
    return error.isel(time=-1, drop=True) / error.sel(time=trained, drop=True)


def _residual(cube: xr.Dataset, model: str) -> xr.DataArray:
    chosen = cube["residual"].sel(model=model, system="comoving", run="rollout")
    return chosen.isel(time=-1, drop=True).mean("sample")


def _timescale(cube: xr.Dataset, model: str) -> xr.DataArray:
    longest = float(cube["lag"].max())
    found = cube["timescale"].sel(model=model)
    return found.clip(max=longest).median("channel", skipna=True)


def _recovered(cube: xr.Dataset, model: str) -> xr.DataArray:
    period = cube["period"].sel(model=model, run="rollout")
    return (period == cube["true_period"]).mean("sample").astype(np.float64)


OF: dict[str, Headline] = {
    "in_distribution": Headline("error", "ratio", "lower", _near),
    "length": Headline("error, longest roll-out", "ratio", "lower", _far),
    "velocity": Headline("error, new velocities", "ratio", "lower", _new),
    "strict_error": Headline("error", "ratio", "lower", _kept),
    "camera": Headline("accuracy", "difference", "higher", _accuracy),
    "state_norm": Headline("growth of the error", "ratio", "lower", _growth),
    "fixed_points": Headline("change of the state", "ratio", None, _residual),
    "timescales": Headline("median timescale", "ratio", None, _timescale),
    "state_graph": Headline("periods recovered", "difference", "higher", _recovered),
}
