"""MNIST and the recipes of the translation experiment, as budget `paper` has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fernn.config.positions import read
from fernn.videos.recipes import synthesize
from gpu_sitting.sizes import Sizes
from labrun.modules import load
from labrun.storage import read_dataset, write_dataset

CONFIG = Path(__file__).parents[2] / "config.yaml"


def prepare(folder: Path, sizes: Sizes) -> None:
    """Write ``atlas.nc`` and the recipes into a folder; what is there stays."""
    folder.mkdir(parents=True, exist_ok=True)
    atlas = folder / "atlas.nc"
    if not atlas.exists():
        source = dict(read(CONFIG).content["sources"]["mnist"])
        fetch = load("fernn.data.sources", source.pop("kind")).fetch
        write_dataset(fetch(**source), atlas)
    digits = read_dataset(atlas)
    for name, spec in recipes(sizes).items():
        path = folder / f"{name}.nc"
        if not path.exists():
            write_dataset(synthesize(spec, digits), path)


def recipes(sizes: Sizes) -> dict[str, dict[str, Any]]:
    """The recipe of each split."""
    short = sizes.context + sizes.horizon
    common = {
        "kind": "flowing_digits",
        "flow": "translation",
        "max_speed": 2,
        "frame_size": sizes.frame,
        "digits": 2,
        "seed": 0,
        "draw": "sampled",
        "frames": short,
    }
    in_distribution, length, velocity = sizes.tests
    grid = {"draw": "grid", "grid_speed": sizes.widest, "sequences": velocity}
    far = {"frames": sizes.context + sizes.far, "sequences": length}
    return {
        "train": {**common, "split": "train", "pool": "train", "sequences": 54000},
        "val": {**common, "split": "val", "pool": "val", "sequences": sizes.validation},
        "in_distribution": {
            **common,
            "split": "in_distribution",
            "pool": "test",
            "sequences": in_distribution,
        },
        "length": {**common, "split": "length", "pool": "test", **far},
        "velocity": {**common, "split": "velocity", "pool": "test", **grid},
    }
