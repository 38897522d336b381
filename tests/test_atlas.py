"""Digits have fixed disjoint splits, the size asked for, and their grey levels."""

import json
import os

import numpy as np
import pytest

from fernn.data.sources import handwritten, idx
from fernn.videos import atlas as atlases
from labrun.errors import UserError


def test_splits_have_their_sizes_and_depend_on_the_seed_only():
    sizes = {"val": 200, "test": 300}
    split = atlases.partition(1000, sizes)
    assert [np.sum(split == name) for name in ("train", *sizes)] == [500, 200, 300]
    np.testing.assert_array_equal(split, atlases.partition(1000, sizes))
    assert np.mean(split != atlases.partition(1000, sizes, seed=1)) > 0.3


def test_shrinking_rounds_the_mean_of_a_block_half_up():
    # Means 1.5, 255 and 0.25.
    image = np.array([[[0, 1, 255, 255, 0, 0], [2, 3, 255, 255, 1, 0]]], np.uint8)
    np.testing.assert_array_equal(atlases.shrink(image, 2), [[[2, 255, 0]]])
    np.testing.assert_array_equal(atlases.shrink(image, 1), image)
    with pytest.raises(UserError, match="does not divide 2x6"):
        atlases.shrink(image, 4)


def test_handwritten_digits_come_with_the_installation():
    atlas = handwritten.fetch()
    split = atlas.split.values.tolist()
    assert [split.count(name) for name in ("train", "val", "test")] == [1297, 250, 250]
    assert atlas.image.dtype == np.uint8 and atlas.image.shape == (1797, 8, 8)
    assert atlas.image.max() == atlas.image.attrs["scale"] == 16
    assert set(atlas.label.values) == set(range(10))
    assert atlas.identical(handwritten.fetch())


@pytest.mark.skipif(not os.environ.get("FERNN_DATA"), reason="FERNN_DATA is not set")
def test_mnist_is_mnist():
    names = [
        f"{part}-{kind}-ubyte"
        for part in ("train", "t10k")
        for kind in ("images-idx3", "labels-idx1")
    ]
    files = {role: {"name": name} for role, name in zip(idx.ROLES, names, strict=True)}
    spec = {"label": "MNIST", "files": files, "validation": 5000, "shrink": 2}
    atlas = idx.fetch(**spec)
    assert json.loads(atlas.attrs["sha256"])[names[2]].startswith("0fa7898d509279e4")
    assert atlas.sizes == {"digit": 70_000, "row": 14, "column": 14}
    assert atlas.label.values[:5].tolist() == [5, 0, 4, 1, 9]
