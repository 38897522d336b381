"""MNIST and the recipes of the translation experiment, as budget `paper` has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fernn.data.recipes import synthesize
from fernn.modules import load
from fernn.storage import read_dataset, write_dataset
from gpu_sitting.sizes import Sizes

FILES = {  # SHA-256 of the uncompressed bytes, as in config.yaml
    "train_images": "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
    "train_labels": "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
    "test_images": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "test_labels": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}
NAMES = {
    "train_images": "train-images-idx3-ubyte",
    "train_labels": "train-labels-idx1-ubyte",
    "test_images": "t10k-images-idx3-ubyte",
    "test_labels": "t10k-labels-idx1-ubyte",
}
URLS = [
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
]


def prepare(folder: Path, sizes: Sizes) -> None:
    """Write ``atlas.nc`` and the recipes into a folder; what is there stays."""
    folder.mkdir(parents=True, exist_ok=True)
    atlas = folder / "atlas.nc"
    if not atlas.exists():
        files = {key: {"name": NAMES[key], "sha256": FILES[key]} for key in FILES}
        idx = load("fernn.data.sources", "idx")
        write_dataset(
            idx.fetch(label="MNIST", validation=6000, urls=URLS, files=files), atlas
        )
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
