"""A ring of pixels on which the profile of a digit moves: training in seconds."""

import functools
from typing import Any

import numpy as np
import torch
import xarray as xr
from sklearn.datasets import load_digits

PIXELS, CONTEXT, AHEAD = 12, 5, 5
MODEL = {"kind": "forecaster", "flow": {"kind": "pan", "max_speed": 1}, "hidden": 8}
MODEL |= {"decoder_layers": 1, "rollout": "free", "initial": "symmetric"}
TRAINING = {"batch": 16, "sequences": 800, "epochs": 6, "context": CONTEXT}
TRAINING |= {"horizon": AHEAD, "learning_rate": 0.01, "schedule": "one_cycle"}


@functools.cache
def profiles():
    """The brightness of the columns of handwritten digits."""
    digits: Any = load_digits()
    return torch.tensor(digits.images.sum(1) / 128, dtype=torch.float32)


class Ring:
    """Sequences of a split; another epoch has others.

    Args:
        split: 0 to train on, 1 held out: other digits.
        dark: pixels at the beginning of the ring that are dark in predicted frames.
    """

    def __init__(self, split, sequences, dark=0, seed=0):
        self.recipe = xr.Dataset(attrs={"kind": "flowing_digits"})
        self.size, self._place, self._dark = 4, (seed, split), dark  # about √12
        self._count = sequences

    def __len__(self):
        return self._count

    def video(self, first, count, frames, epoch=0):
        random = np.random.default_rng([*self._place, epoch])
        half = len(profiles()) // 2
        which = random.integers(half, size=len(self)) + half * self._place[1]
        start, speed = (
            random.integers(PIXELS, size=len(self)),
            random.integers(3, size=len(self)) - 1,
        )
        own = slice(first, first + count)
        image = torch.nn.functional.pad(profiles()[which[own]], (0, PIXELS - 8))
        moved = start[own, None] + speed[own, None] * np.arange(frames)
        source = (np.arange(PIXELS) - moved[..., None]) % PIXELS
        index = torch.from_numpy(source).flatten(1)
        found = image.gather(1, index).reshape(len(image), frames, 1, 1, PIXELS)
        found[:, CONTEXT:, ..., : self._dark] = 0
        return found
