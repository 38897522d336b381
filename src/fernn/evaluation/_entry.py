"""A model among those that are measured together, with all its seeds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import xarray as xr

from fernn.devices import device, within_memory
from fernn.evaluation._subject import Subject
from fernn.evaluation.cubes import shard
from fernn.models import parameters, velocities
from fernn.videos.recipes import Sequences
from labrun.modules import load


@dataclass(frozen=True)
class Entry:
    """A model to measure.

    Attributes:
        name: in the cubes.
        checkpoints: one of each seed; none of a baseline.
        baseline: the specification of a model without weights.
    """

    name: str
    checkpoints: Sequence[Path] = ()
    baseline: dict[str, Any] = field(default_factory=dict)

    def measured(
        self, seeds: Sequence[int], axis: dict[str, Any], sequences: Sequences | None
    ) -> xr.Dataset:
        """A statistic of all seeds; a baseline is equal for all of them.

        Args:
            seeds: of the weights.
            axis: its ``statistic``, a module of this package, and the ``spec`` of it.
            sequences: of the axis; None for statistics of the training itself.
        """
        statistic = load("fernn.evaluation", axis["statistic"])
        paths = self.checkpoints or [None]
        baseline = None if self.checkpoints else self.baseline
        subjects = [Subject(path, baseline, sequences, device()) for path in paths]
        found = [_fitting(statistic, each, axis.get("spec", {})) for each in subjects]
        copies = 1 if self.checkpoints else len(seeds)
        joined = shard(found * copies, seeds, self.name)
        if self.checkpoints:
            model = subjects[0].model
            joined.attrs["parameters"] = parameters(model)
            joined.attrs["velocities"] = json.dumps(velocities(model))
        return joined


def _fitting(statistic: Any, subject: Subject, spec: dict[str, Any]) -> xr.Dataset:
    """The statistic, in batches that the device's memory holds."""

    def measure(batch: int) -> xr.Dataset:
        return statistic.measure(subject, {**spec, "batch": batch})

    what = f"batches of {spec.get('batch', 1)}"
    return within_memory(spec.get("batch", 1), measure, what)[0]
