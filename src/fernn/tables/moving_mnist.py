"""Moving MNIST in the units of its field, beside published numbers.

In the field's data two digits of 28×28 pixels glide in a frame of 64×64 and are
reflected by its walls; 10 frames are observed and 10 predicted. Errors are sums over
the pixels of a frame, means over frames and sequences, and mean ± standard deviation
over seeds. SSIM has a Gaussian window of 11×11 and, as PSNR, predictions clipped to [0,
1].
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd
import xarray as xr

from fernn.evaluation import aggregate
from fernn.evaluation.comparison import differences, not_comparable
from fernn.evaluation.numbers import published, sources
from fernn.tables import _controls, _fairness

SHOWS = {"image_quality": {"statistic": "image_quality"}}
NOTE = (
    "Ours are not the field's files: digits that overlap are added and cut off at 1, a"
    " step beyond a wall is reflected, and test digits are never seen in training. Our"
    " models' frames are a torus, which has no walls."
)


def tabulate(cubes: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row for each of our models, then one for each published one."""
    rows = [
        (called, about, _row(cube, called if len(cubes) > 1 else "", name, about))
        for cube, called, name, about in aggregate.entries(cubes, SHOWS)
    ]
    table = pd.DataFrame([*(row for *_, row in rows), *_published(cubes)])
    beaten = _controls.note(rows, ["mse"])
    table.attrs["notes"] = [NOTE, *beaten, *sources(cubes), *_fairness.notes(cubes)]
    return table


def _row(cube: xr.Dataset, called: str, name: str, about: dict) -> dict:
    own = cube.sel(model=name)
    differs = differences(about)
    size = not_comparable(differs) if differs else ""
    count, baseline = cube.sizes["seed"], about["role"] == "baseline"
    seeds = "" if baseline else f"{count} seed{'' if count == 1 else 's'}"
    error = aggregate.worst(own["mse"]).mean(("sample", "frame"))
    means = {key: float(own[key].mean()) for key in ("mae", "ssim", "psnr")}
    return {
        "model": about["label"],
        "source": ", ".join(filter(None, ("ours", called, seeds, size))),
        "millions": about["parameters"] / 1e6,
        "epochs": about["epochs"],
        **aggregate.columns("mse", error, baseline),
        **means,
        "mse_2000_epochs": math.nan,
    }


def _published(cubes: Sequence[xr.Dataset]) -> list[dict]:
    return [
        {"model": label, "source": name, "epochs": 200, **columns}
        for name, known in published(cubes).items()
        for label, columns in known["others"].items()
    ]
