"""Handwritten digits of 8x8 pixels and 17 grey levels that ship inside scikit-learn."""

from __future__ import annotations

import hashlib

import numpy as np
import xarray as xr

from fernn.videos import atlas

HELD_OUT = {"val": 250, "test": 250}
CITATION = (
    "Alpaydin & Kaynak (1998), Optical Recognition of Handwritten Digits,"
    " UCI Machine Learning Repository"
)


def fetch() -> xr.Dataset:
    """The 1797 digits as an atlas, 1297 to train on; needs no network."""
    from sklearn.datasets import load_digits

    features, classes = load_digits(return_X_y=True)
    image = np.asarray(features, np.uint8).reshape(-1, 8, 8)
    label = np.asarray(classes, np.uint8)
    return atlas.of_digits(
        image,
        label,
        atlas.partition(len(label), HELD_OUT),
        scale=16,
        source="handwritten digits (scikit-learn, 8x8)",
        citation=CITATION,
        sha256={
            "images": hashlib.sha256(image.tobytes()).hexdigest(),
            "labels": hashlib.sha256(label.tobytes()).hexdigest(),
        },
    )
