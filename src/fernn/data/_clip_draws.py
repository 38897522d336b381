"""How recipes of clips are drawn: in turn, and on a grid of the camera's velocities."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from fernn.data._draws import Rows
from fernn.velocities import Velocity, square
from labrun.errors import UserError
from labrun.random_words import below, words


def long_enough(spec: Mapping[str, Any], atlas: xr.Dataset) -> np.ndarray:
    """(clip, number of its start frames) of the clips that a split may show.

    Raises:
        UserError: there is none.
    """
    span = (spec["frames"] - 1) * spec["stride"] + 1
    starts = atlas["length"].values.astype(np.int64) - span + 1
    chosen = np.flatnonzero((atlas.split.values == spec["pool"]) & (starts > 0))
    if not len(chosen):
        raise UserError(f"the atlas has no clips of {span} frames for {spec['pool']!r}")
    return np.stack([chosen, starts[chosen]], axis=-1)


def sampled(spec: dict[str, Any], pool: np.ndarray) -> xr.Dataset:
    """Each sequence with its own velocity, uniform in those of the data's flow."""
    return _table(integers(spec, pool, 0, 0, spec["sequences"]))


def grid(
    spec: dict[str, Any], pool: np.ndarray, flows: list[list[int]] | None
) -> xr.Dataset:
    """Every velocity with the same clips from the same frames on."""
    still = integers({**spec, "max_speed": 0}, pool, 0, 0, spec["sequences"])
    parts = []
    for rows, columns in flows or _line(spec):
        speeds = {"velocity_rows": rows, "velocity_columns": columns}
        parts.append(still | {k: np.full_like(still[k], v) for k, v in speeds.items()})
    return _table({k: np.concatenate([part[k] for part in parts]) for k in still})


def _line(spec: dict[str, Any]) -> list[Velocity]:
    grid = square(spec["grid_speed"])
    return [v for v in grid if spec["flow"] != "pan" or not v[0]]


def integers(
    spec: Mapping[str, Any], pool: np.ndarray, epoch: int, first: int, count: int
) -> Rows:
    """The integers of samples ``first … first + count`` of an epoch."""
    where = spec["seed"], spec["split"], epoch
    which, starts = _in_turn(where, pool, np.arange(first, first + count)).T
    drawn = words(*where, first, count, 4)
    speed, speeds = spec["max_speed"], 2 * spec["max_speed"] + 1
    rows, columns = (below(drawn[:, place], speeds) - speed for place in (2, 3))
    return {
        "clip_index": which,
        "start": below(drawn[:, 0], starts),
        "mirrored": below(drawn[:, 1], 2) * spec["mirror"],
        "velocity_rows": rows * (spec["flow"] != "pan"),
        "velocity_columns": columns,
    }


def _in_turn(
    where: tuple[int, str, int], pool: np.ndarray, samples: np.ndarray
) -> np.ndarray:
    """The rows of the pool that samples have: each turn has them all, in disorder."""
    seed, split, epoch = where
    turns, places = np.divmod(samples, len(pool))
    rows = np.empty((len(samples), pool.shape[1]), np.int64)
    for turn in np.unique(turns):
        key = words(seed, f"{split}/order {turn}", epoch, 0, len(pool), 1)[:, 0]
        order = np.argsort(key, kind="stable")
        rows[turns == turn] = pool[order[places[turns == turn]]]
    return rows


def _table(drawn: Rows) -> xr.Dataset:
    names = {
        "clip_index": ("atlas clip", "1"),
        "start": ("first frame of the clip that is shown", "frame"),
        "mirrored": ("whether it is seen in a mirror", "1"),
        "velocity_rows": ("velocity of the camera along rows", "pixel/frame"),
        "velocity_columns": ("velocity of the camera along columns", "pixel/frame"),
    }
    table = {
        name: ("sample", drawn[name].astype(np.int32), {"long_name": what, "units": u})
        for name, (what, u) in names.items()
    }
    return xr.Dataset(table, coords={"sample": np.arange(len(drawn["start"]))})
