"""Shards of single models joined into one labelled cube."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import xarray as xr

from fernn.evaluation.velocities import VELOCITY
from labrun.errors import UserError

SHARED = ("truth", "video")  # equal for all models, as are velocities
PER_MODEL = ("updates",)  # equal for all seeds


def shard(
    measured: Sequence[xr.Dataset], seeds: Sequence[int], model: str
) -> xr.Dataset:
    """One model's statistics over its seeds, with the dimensions model and seed.

    Raises:
        UserError: the numbers of statistics and seeds differ.
    """
    if len(measured) != len(seeds):
        raise UserError(f"{len(measured)} checkpoints for {len(seeds)} seeds")
    once = (*_shared(measured[0]), *PER_MODEL)
    own = [dataset.drop_vars(once, errors="ignore") for dataset in measured]
    joined = xr.concat(own, xr.IndexVariable("seed", list(seeds)), join="outer")
    joined = joined.expand_dims(model=[model])
    for name in once:
        if name in measured[0].variables:
            joined[name] = measured[0][name].variable
    for name in set(PER_MODEL) & set(joined.variables):
        joined[name] = joined[name].expand_dims(model=[model])
    joined = joined.set_coords(_labels(measured[0]))
    return joined.assign_attrs(measured[0].attrs)


def _labels(dataset: xr.Dataset) -> list[str]:
    """Coordinates of samples, such as their class: equal for all models and seeds."""
    found = dataset.coords.items()
    return [
        str(name) for name, v in found if v.dims == ("sample",) and name != "sample"
    ]


def _shared(dataset: xr.Dataset) -> list[str]:
    """What is equal for all models."""
    names = [str(name) for name in dataset.variables]
    equal = [name for name in names if name in SHARED or name.startswith(VELOCITY)]
    return [*dict.fromkeys([*equal, *_labels(dataset)])]


def combine(shards: Sequence[xr.Dataset], attrs: dict[str, Any]) -> xr.Dataset:
    """All models of an experiment on one axis.

    Models that lack a slot, an epoch or a frame have NaN there.

    Args:
        shards: one a model, in display order.
        attrs: of the cube, with ``models``: what is known of each model; lists and
            mappings are written as JSON.

    Raises:
        UserError: there is no shard, or two are of one model.
    """
    models = [str(dataset.model.item()) for dataset in shards]
    if not models or len(set(models)) < len(models):
        raise UserError(f"one shard of each model is needed, got {models}")
    shared = _shared(shards[0])
    own = [dataset.drop_vars(shared, errors="ignore") for dataset in shards]
    cube = xr.concat(own, "model", join="outer", combine_attrs="drop_conflicts")
    for name in shared:
        cube[name] = shards[0][name].variable
    coordinates = {"updates", *(name for name in shared if name not in SHARED)}
    cube = cube.set_coords(coordinates & set(cube.variables))
    flows = [str(name) for name in cube.dims if str(name).startswith("flow_")]
    first = ("model", "seed", "motion", *flows)
    cube = cube.transpose(*first, ..., missing_dims="ignore")
    described = _describe(attrs.get("models", {}), shards)
    attrs = {**attrs, "models": described}
    plain = {
        k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in attrs.items()
    }
    return cube.assign_attrs({k: v for k, v in plain.items() if v is not None})


def _describe(models: dict[str, Any], shards: Sequence[xr.Dataset]) -> dict[str, Any]:
    """Add what the shards know: V, the number of parameters, what a search chose."""
    described = {}
    for dataset in shards:
        name = str(dataset.model.item())
        own = {"parameters": int(dataset.attrs.get("parameters", 0))}
        own["velocities"] = json.loads(dataset.attrs.get("velocities", "[]"))
        own |= json.loads(dataset.attrs.get("trained", "{}"))
        described[name] = {"label": name, **models.get(name, {}), **own}
    return described
