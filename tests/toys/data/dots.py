"""One bright pixel on a torus, moving along the diagonal."""

from __future__ import annotations

import numpy as np
import torch
import xarray as xr


def synthesize(
    atlas: xr.Dataset,
    *,
    split: str,
    seed: int,
    sequences: int,
    frame_size: int,
    max_speed: int,
    pool: str,
    draw: str,
    frames: int,
    flow: str = "diagonal",
) -> xr.Dataset:
    """Where each pixel starts, and its velocity in pixels per frame."""
    rng = np.random.default_rng([seed, *split.encode()])
    speed = rng.integers(-max_speed, max_speed + 1, sequences)
    table = {"start_rows": rng.integers(0, frame_size, sequences)}
    table |= {"velocity_rows": speed, "velocity_columns": speed}
    about = {"kind": "dots", "split": split, "draw": draw, "flow": flow, "pool": pool}
    return xr.Dataset(
        {name: ("sample", values) for name, values in table.items()},
        coords={"sample": np.arange(sequences)},
        attrs={**about, "frame_size": frame_size, "frames": frames},
    )


class Sequences:
    """The videos of a recipe; later epochs start further right."""

    def __init__(self, recipe: xr.Dataset, atlas: xr.Dataset, device="cpu"):
        self.recipe = recipe
        self.size = int(recipe.attrs["frame_size"])
        self.device = device

    def __len__(self) -> int:
        return self.recipe.sizes["sample"]

    def video(self, first: int, count: int, frames: int, epoch: int = 0):
        """Frames of the samples ``first … first + count``."""
        part = self.recipe.isel(sample=slice(first, first + count))
        start, speed = part.start_rows.values, part.velocity_rows.values
        place = start[:, None] + np.arange(frames) * speed[:, None]
        video = torch.zeros(len(start), frames, 1, self.size, self.size)
        sample, time = np.ogrid[: len(start), :frames]
        video[sample, time, 0, place % self.size, (place + epoch) % self.size] = 1.0
        return video.to(self.device)
