"""The squared error of forecasts from observed frames with noise.

Independent Gaussian noise is added to every pixel of the observed frames, and not cut
to [0, 1]; the true frames are without. All models, seeds and levels of a sequence have
the same noise, times the level.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from fernn.evaluation import squared_error
from fernn.evaluation.subject import Subject

DRAWS = ("sampled",)
LEVELS = (0.0, 0.1, 0.3)  # standard deviations, of a pixel's full ink


def measure(subject: Subject, spec: dict[str, Any]) -> xr.Dataset:
    """As `squared_error`, for each of the `LEVELS`.

    Args:
        subject: a model and its test sequences.
        spec: ``context``, ``horizon`` and ``batch``.

    Returns:
        ``squared_error`` and ``clamped_squared_error`` (noise × sample × frame), whose
        coordinate ``noise`` is the standard deviation.
    """
    noisy = Noisy(
        subject.checkpoint, subject.baseline, subject.sequences, subject.device
    )
    found: list[xr.Dataset] = []
    for noisy.level in LEVELS:
        found.append(squared_error.measure(noisy, spec))
    about = {"long_name": "standard deviation of noise", "units": "1"}
    levels = xr.IndexVariable("noise", list(LEVELS), about)
    return xr.concat(found, levels, coords="minimal", compat="override")


@dataclass
class Noisy(Subject):
    """A subject that observes noise of a `level`, its standard deviation."""

    level: float = 0.0

    def _predict(self, observed: Tensor, horizon: int, first: int) -> Iterator[Tensor]:
        noise = torch.stack(
            [self._noise(observed[0], first + i) for i in range(len(observed))]
        )
        return super()._predict(observed + self.level * noise, horizon, first)

    def _noise(self, frames: Tensor, sample: int) -> Tensor:
        """Of one sequence, a function of the data's seed and its number alone."""
        assert self.sequences is not None
        random = np.random.default_rng([self.sequences.recipe.attrs["seed"], sample])
        drawn = random.standard_normal(tuple(frames.shape))
        return torch.from_numpy(drawn).to(frames)
