"""What a statistic is measured on: a model, the test sequences, the run's history."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
import xarray as xr
from torch import Tensor

from fernn import checkpoint, models
from fernn.evaluation._slots import VELOCITY, components
from fernn.videos.recipes import Sequences
from labrun.errors import UserError
from labrun.storage import read_dataset


@dataclass
class Subject:
    """One trained model, or one baseline, with the sequences it is tested on.

    Attributes:
        checkpoint: of a trained model; None for a baseline.
        baseline: the specification of a model without weights.
        sequences: of the axis; None for statistics of the training itself.
        device: where the model runs.
    """

    checkpoint: Path | None
    baseline: dict[str, Any] | None
    sequences: Sequences | None
    device: torch.device | str = "cpu"

    @cached_property
    def model(self) -> Any:
        """The model, ready to evaluate."""
        if self.checkpoint is not None:
            return checkpoint.load(self.checkpoint, self.device)
        if self.baseline is None or self.sequences is None:
            raise UserError("a checkpoint or a baseline is needed to evaluate")
        return models.build(self.baseline, self.sequences.size)

    @cached_property
    def history(self) -> xr.Dataset:
        """The training history beside the checkpoint."""
        if self.checkpoint is None:
            raise UserError("a baseline has no training history")
        return read_dataset(self.checkpoint.with_name("history.nc"))

    def forecasts(
        self, context: int, horizon: int, batch: int
    ) -> Iterator[tuple[Tensor, Iterator[Tensor]]]:
        """Batches of (video, predicted frames), frames one by one.

        Videos have ``context + horizon`` frames.
        """
        assert self.sequences is not None
        for first in range(0, len(self.sequences), batch):
            video = self.sequences.video(first, batch, context + horizon)
            extra = (
                {}
                if self.baseline is None
                else {"velocity": self._velocity(first, batch)}
            )
            yield video, self.model.predict(video[:, :context], horizon, **extra)

    def _velocity(self, first: int, count: int) -> Tensor:
        assert self.sequences is not None
        recipe = self.sequences.recipe.isel(sample=slice(first, first + count))
        names = [VELOCITY + name for name in components(recipe)]
        parts = [torch.as_tensor(recipe[name].values) for name in names]
        return torch.stack(parts, dim=-1).long().to(self.device)
