"""The errors of one model: raw, clipped, at the end of long roll-outs, by velocity.

The paper's errors are raw. Those of predictions clipped to [0, 1] cannot exceed 1: they
hide how far a roll-out diverges, and let means be read where some do.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import xarray as xr

from fernn.evaluation import aggregate, velocities

MULTIPLES = (1, 4, 7)  # of the trained horizon, at whose end errors are compared
CLASSES = ("seen", "unseen", "outside")  # of velocities
NAMES = (  # of a model's errors
    "in_distribution",
    *(f"length_{multiple}x" for multiple in MULTIPLES),
    *(f"velocity_{name}" for name in CLASSES),
)


def raw(cube: xr.Dataset, model: str) -> xr.DataArray:
    """The error of predictions as they are, (seed, sample, frame)."""
    return aggregate.worst(cube["squared_error"].sel(model=model))


def clipped(cube: xr.Dataset, model: str) -> xr.DataArray:
    """The error of predictions clipped to [0, 1], (seed, sample, frame)."""
    return aggregate.worst(cube["clamped_squared_error"].sel(model=model))


Measure = Callable[[xr.Dataset, str], xr.DataArray]
QUANTITIES: dict[str, Measure] = {"test MSE": raw, "clipped test MSE": clipped}
COLUMNS: dict[str, Measure] = {"": clipped, "raw_": raw}  # how names in tables begin


def last_frames(
    cube: xr.Dataset,
    model: str,
    multiples: Sequence[int] = MULTIPLES,
    measure: Measure = clipped,
) -> Iterator[tuple[int, xr.DataArray]]:
    """The error at the end of roll-outs of several trained horizons.

    Args:
        cube: of an axis whose roll-outs are long.
        model: its name.
        multiples: k, of the trained horizon; those beyond the cube are left out.
        measure: `raw` or `clipped`.

    Yields:
        k, and the error, (seed, sample, frame), of the last frames, as many as the
        trained horizon, of a roll-out of k horizons.
    """
    error, horizon = measure(cube, model), int(cube.attrs["horizon"])
    for multiple in multiples:
        end = multiple * horizon
        if end <= int(error["frame"].max()):
            yield multiple, error.sel(frame=slice(end - horizon + 1, end))


def of_seeds(
    cube: xr.Dataset, role: str, model: str, about: dict, measure: Measure
) -> dict[str, np.ndarray]:
    """A model's errors of every seed, by those of the `NAMES` that a role gives.

    Args:
        cube: of the role.
        role: ``in_distribution``, ``length`` or ``velocity``.
        model: its name.
        about: the model, as `aggregate.models` describes it.
        measure: `raw` or `clipped`.

    Returns:
        Means over sequences and frames, (seed); of velocities over those of a class.
    """
    if role == "length":
        return {
            f"length_{multiple}x": error.mean(("sample", "frame")).values
            for multiple, error in last_frames(cube, model, measure=measure)
        }
    if role == "velocity":
        near = measure(aggregate.trained_frames(cube), model).mean("frame")
        classes = by_class(cube, near.transpose("seed", "sample"), about)
        return {f"velocity_{name}": error for name, error in classes.items()}
    return {"in_distribution": measure(cube, model).mean(("sample", "frame")).values}


def by_class(
    cube: xr.Dataset, error: xr.DataArray, about: dict
) -> dict[str, np.ndarray]:
    """A model's error for each of the `CLASSES` of velocities, of one digit or of all.

    Velocities are *seen*, those of the training data, *unseen*, those that are not but
    are in V, and *outside*, those in neither. A baseline has no V, and all that it has
    not seen is unseen.

    Args:
        cube: of a grid of velocities, those of the samples' first digits.
        error: (..., sample), of the model.
        about: the model, as `aggregate.models` describes it.

    Returns:
        The mean over the velocities of a class, (...); NaN where it has none.
    """
    grid = velocities.by_velocity(cube, error)
    sides = [grid[component].values for component in velocities.names(grid)]
    size = velocities.period(cube)
    seen = velocities.mask(sides, velocities.trained(cube), size)
    inside = velocities.mask(sides, about["velocities"], size)
    if about["role"] == "baseline":
        inside = np.ones_like(seen)
    masks = (seen, ~seen & inside, ~seen & ~inside)
    absent = np.full(grid.shape[: grid.ndim - len(sides)], math.nan)
    return {
        name: grid.values[..., mask].mean(-1) if mask.any() else absent
        for name, mask in zip(CLASSES, masks, strict=True)
    }
