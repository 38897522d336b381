"""Twenty-five persons with one noise clip each, and recipes of them."""

import numpy as np

from fernn.data import moving_clips
from fernn.videos import atlas as atlases

SPEC = {
    "split": "train",
    "pool": "train",
    "draw": "sampled",
    "seed": 0,
    "sequences": 40,
    "frames": 4,
    "frame_size": 6,
    "max_speed": 2,
}


def atlas():
    """Clips of 3 to 11 frames of 6×6 pixels."""
    rng = np.random.default_rng(0)
    lengths = [3 + person % 9 for person in range(25)]
    columns = {
        "label": [person % 6 for person in range(25)],
        "person": list(range(1, 26)),
        "scenario": [1 + person % 4 for person in range(25)],
    }
    images = [
        rng.integers(
            0, 40 * (label + 1), (n, 6, 6), np.uint8
        )  # classes differ in light
        for n, label in zip(lengths, columns["label"], strict=True)
    ]
    about = {"source": "random", "citation": "", "sha256": {}}
    return atlases.of_clips(images, columns, **about)


def sequences(**changes):
    """Videos of a recipe of these clips, with changes."""
    clips = atlas()
    recipe = moving_clips.synthesize(clips, **{**SPEC, **changes})
    return moving_clips.Sequences(recipe, clips)
