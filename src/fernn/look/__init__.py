"""A page to look at cubes: one HTML file that needs no server and no library.

`numbers` reduces a cube to means over its samples, apart for each model and seed, and
on the grid of velocities where the cube has one; ``reduce.js`` averages what is left
over what is not chosen, ``page.js`` draws it, ``page.html`` is what they stand in.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from fernn.evaluation import aggregate, velocities

HERE = Path(__file__).parent
IMAGE = {"row", "column"}  # dimensions of pictures, which figures show
LARGEST = 300_000  # numbers of one variable


def page(cubes: Iterable[xr.Dataset], about: str) -> str:
    """The page.

    Args:
        cubes: of any statistic; what has no models or is made of pictures is left out.
        about: a sentence on where they are from.
    """
    shown = [each for cube in cubes for each in numbers(cube)]
    data = json.dumps({"about": about, "numbers": shown}, ensure_ascii=False)
    text = (HERE / "page.html").read_text(encoding="utf-8")
    for place, name in {"/*REDUCE*/": "reduce.js", "/*PAGE*/": "page.js"}.items():
        text = text.replace(place, (HERE / name).read_text(encoding="utf-8"))
    return text.replace("/*DATA*/", data.replace("</", "<\\/"))


def numbers(cube: xr.Dataset) -> Iterator[dict[str, Any]]:
    """What the page needs of each variable of a cube.

    Yields:
        Names and units; ``models`` and ``seeds``; the other ``dims`` with their values;
        ``data``, float32 in base64, of the order model × seed × dims.
    """
    if "model" not in cube.dims or "models" not in cube.attrs:
        return
    for name, values in cube.data_vars.items():
        if values.dims[:1] != ("model",) or IMAGE & {*values.dims}:
            continue
        if not _is_mean_of_something(values):
            continue
        reduced = mean_over_samples(cube, values)
        if reduced.size <= LARGEST:
            yield {
                "experiment": cube.attrs["experiment"],
                "title": cube.attrs.get("title", cube.attrs["experiment"]),
                "axis": cube.attrs["axis"],
                "statistic": str(name),
                "meaning": values.attrs.get("long_name", str(name).replace("_", " ")),
                "units": values.attrs.get("units", ""),
                **_marks(cube),
                **_encoded(cube, reduced),
            }


def mean_over_samples(cube: xr.Dataset, values: xr.DataArray) -> xr.DataArray:
    """A variable without its samples, model and seed first.

    Samples of a grid of velocities are averaged for each velocity, those of a camera
    for each of its speeds, others all together.
    """
    if "seed" not in values.dims:
        values = values.expand_dims("seed", 1)
    if "sample" in values.dims:
        moves = velocities.names(cube)
        if (
            cube.attrs.get("draw") == "grid"
            and moves
            and "digit" in cube[moves[0]].dims
        ):
            values = velocities.by_velocity(cube, values)
        elif len(moves) == 2 and cube[moves[0]].dims == ("sample",):
            speed = xr.DataArray(velocities.speed(cube), dims="sample", name="speed")
            values = values.astype(float).groupby(speed).mean()
        else:
            values = values.mean("sample", skipna=False)
    return values.transpose("model", "seed", ...)


def _is_mean_of_something(values: xr.DataArray) -> bool:
    """Whether a mean over samples says something; that of classes does not."""
    kind = values.dtype.kind
    return kind == "f" or (kind in "biu" and bool(np.isin(values.values, (0, 1)).all()))


def _marks(cube: xr.Dataset) -> dict[str, Any]:
    """The horizon and the velocities in training, if the cube says them."""
    attrs = cube.attrs
    fastest = attrs.get("max_speed")
    return {
        "horizon": int(attrs["horizon"]) if "horizon" in attrs else None,
        "trained": None
        if fastest is None
        else int(fastest) * int(attrs.get("step", 1)),
    }


def _encoded(cube: xr.Dataset, values: xr.DataArray) -> dict[str, Any]:
    described = aggregate.models(cube)
    order = [name for name in described if name in values["model"].values]
    values = values.sel(model=order)
    dims = [str(dim) for dim in values.dims[2:]]
    return {
        "models": [
            {
                "label": described[name]["label"],
                "color": described[name].get("color"),
                "velocities": described[name].get("velocities", []),
            }
            for name in order
        ],
        "seeds": [str(seed) for seed in _coordinate(values, "seed")],
        "dims": [
            {
                "name": dim,
                "units": values[dim].attrs.get("units", "")
                if dim in values.coords
                else "",
                "values": [*map(_place, _coordinate(values, dim))],
            }
            for dim in dims
        ],
        "data": base64.b64encode(values.values.astype("<f4").tobytes()).decode(),
    }


def _place(value: Any) -> float | str:
    """A number; of a dimension of names the name, along which no curve is drawn."""
    return value if isinstance(value, str) else float(value)


def _coordinate(values: xr.DataArray, dim: str) -> list:
    if dim in values.coords and values[dim].ndim == 1:
        return values[dim].values.tolist()
    return list(range(values.sizes[dim]))
