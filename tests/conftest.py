"""Tiny data and models that several test files use."""

import os
import signal
import subprocess

import jaxtyping
import numpy as np
import pytest
import torch
import xarray as xr

import fernn  # noqa: F401 (declares the project for tests that import labrun alone)

torch.set_num_threads(1)
# A shell in the background ignores Ctrl-C, and all that it starts would, too.
signal.signal(signal.SIGINT, signal.default_int_handler)
os.environ["TRITON_INTERPRET"] = "1"  # kernels run as Python; before the first import

# Files that run whole workflows begin first, so that no core waits for one at the end.
LONG = ("test_workflow", "test_another_model", "test_extension", "test_tuning_batch")

RECIPE = {
    "kind": "flowing_digits",
    "split": "train",
    "pool": "train",
    "draw": "sampled",
    "seed": 0,
    "sequences": 24,
    "frames": 12,
    "frame_size": 7,
    "digits": 2,
    "max_speed": 2,
}


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.stem not in LONG)


@pytest.fixture
def unchecked(monkeypatch):
    """Check no annotations of calls, as for users: the values' own errors are seen."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.fixture
def atlas():
    """Sixty random digits of 4×5 pixels: 40 to train on, 10 and 10 held out."""
    image = np.random.default_rng(0).integers(0, 17, (60, 4, 5), np.uint8)
    split = np.repeat(["train", "val", "test"], [40, 10, 10])
    return xr.Dataset(
        {"image": (("digit", "row", "column"), image, {"scale": 16})},
        coords={"split": ("digit", split)},
        attrs={"source": "random"},
    )


@pytest.fixture
def recipe(atlas):
    """Make a recipe of the tiny data, with changes."""
    from fernn.videos.recipes import synthesize

    return lambda **changes: synthesize({**RECIPE, **changes}, atlas)


@pytest.fixture
def sequences(atlas, recipe):
    """Videos of a recipe of the tiny data, with changes."""
    from fernn.data import flowing_digits

    return lambda **changes: flowing_digits.Sequences(recipe(**changes), atlas)


@pytest.fixture
def forecaster():
    """Make a small forecaster in double precision, on a torus of 7×7 pixels."""
    from fernn import models

    def build(seed=0, size=7, **changes):
        torch.manual_seed(seed)
        flow = {"kind": "translation", "max_speed": 1}
        spec = {"kind": "forecaster", "flow": flow, "hidden": 3, "decoder_layers": 1}
        model = models.build({**spec, **changes}, size).double()
        if model.rollout_weights:  # which have no effect at first
            for weight in model.rollout_weights.parameters():
                torch.nn.init.normal_(weight, std=0.3)
        return model

    return build


@pytest.fixture
def dead():
    """The number of a process that is no more."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid
