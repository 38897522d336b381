"""World models: errors and likeness of predicted windows, beside published numbers.

MSE is the mean over the pixels of a frame of the squared error, *end* that of the last
frames, as many as the trained horizon; SSIM and PSNR are of predictions clipped to [0,
1]. Means are over frames, sequences and seeds, ± the standard deviation over seeds.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import xarray as xr

from fernn.evaluation import aggregate
from fernn.evaluation.comparison import differences, not_comparable
from fernn.evaluation.numbers import published, sources
from fernn.tables import _controls, _fairness

SHOWS = {"image_quality": {"statistic": "image_quality"}}
ONLY_LISTED = True
NOTE = (
    "The window alone is predicted and measured. Pixels of what was never seen are"
    " among them: no model can know them."
)


def tabulate(cubes: Sequence[xr.Dataset]) -> pd.DataFrame:
    """A row for each test set and model, then one for each published number."""
    told = [
        (called, about, _row(cube, name, about))
        for cube, called, name, about in aggregate.entries(cubes, SHOWS)
    ]
    rows = [{"experiment": called, **row} for called, _, row in told]
    table = pd.DataFrame([*rows, *_published(cubes)])
    notes = [*sources(cubes), *_fairness.notes(cubes)]
    table.attrs["notes"] = [NOTE, *_controls.note(told, ["mse"]), *notes]
    return table


def _row(cube: xr.Dataset, name: str, about: dict) -> dict:
    own, baseline = cube.sel(model=name), about["role"] == "baseline"
    error = aggregate.worst(own["mse"]) / int(cube.attrs["frame_size"]) ** 2
    last = int(own["frame"].max()) - int(cube.attrs["horizon"]) + 1
    of_seeds = error.mean(("sample", "frame"))
    end = error.sel(frame=slice(last, None)).mean(("sample", "frame"))
    differs = differences(about)
    return {
        "frames": int(own["frame"].max()),
        "model": about["label"],
        "source": f"ours, {not_comparable(differs)}" if differs else "ours",
        "parameters": about["parameters"],
        **aggregate.columns("mse", of_seeds, baseline),
        **aggregate.columns("mse_end", end, baseline),
        "psnr": float(own["psnr"].where(np.isfinite(own["psnr"])).mean()),
        "ssim": float(own["ssim"].mean()),
    }


def _published(cubes: Sequence[xr.Dataset]) -> list[dict]:
    """A row for each model and number of frames, if its columns end in one."""
    rows: dict[tuple[str, str], dict] = {}
    for name, known in published(cubes).items():
        for label, columns in known["others"].items():
            for key, value in columns.items():
                column, _, end = key.rpartition("_")
                if not end.isdigit():
                    column, end = key, ""
                row = rows.setdefault((label, end), {"model": label, "source": name})
                row |= {column: value} | ({"frames": int(end)} if end else {})
    return list(rows.values())
