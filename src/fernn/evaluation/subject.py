"""What a statistic is measured on: a model, the test sequences, the run's history."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor

from fernn import checkpoint, models, treatments
from fernn.devices import device, within_memory
from fernn.evaluation import velocities
from fernn.evaluation.cubes import shard
from fernn.videos.recipes import Acted, Long, Sequences
from labrun.errors import UserError
from labrun.modules import load, named
from labrun.storage import read_dataset

STRETCH = 64  # true frames of a sequence that are held at a time


@dataclass
class Subject:
    """One trained model, or one baseline, with the sequences it is tested on.

    Attributes:
        checkpoint: of a trained model; None for a baseline.
        baseline: the specification of a model without weights.
        sequences: of the axis; None for statistics of the training itself.
        device: where the model runs.
        treatment: what is done to a trained model, see `fernn.treatments`.
    """

    checkpoint: Path | None
    baseline: dict[str, Any] | None
    sequences: Sequences | None
    device: torch.device | str = "cpu"
    treatment: Any = None

    @cached_property
    def trained(self) -> Any:
        """The trained model, before any treatment."""
        assert self.checkpoint is not None
        return checkpoint.load(self.checkpoint, self.device)

    @cached_property
    def model(self) -> Any:
        """The model, ready to evaluate."""
        if self.checkpoint is not None:
            return treatments.treat(self.trained, self.treatment)
        if self.baseline is None or self.sequences is None:
            raise UserError("a checkpoint or a baseline is needed to evaluate")
        return models.build(self.baseline, self.sequences.size)

    @cached_property
    def history(self) -> xr.Dataset:
        """The training history beside the checkpoint."""
        if self.checkpoint is None:
            raise UserError("a baseline has no training history")
        return read_dataset(self.checkpoint.with_name("history.nc"))

    @cached_property
    def measured(self) -> dict[str, Any]:
        """Times of the training, of the checkpoint's sidecar."""
        if self.checkpoint is None:
            raise UserError("a baseline has no training that was timed")
        return checkpoint.describe(self.checkpoint).get("measured", {})

    def treated(self, spec: dict[str, Any]) -> Subject:
        """The same after one more treatment; the weights are read once.

        Args:
            spec: of the treatment, see `fernn.treatments.treat`.
        """
        every = [*treatments.listed(self.treatment), spec]
        found = replace(self, treatment=every)
        found.trained = self.trained
        return found

    def videos(self, spec: dict[str, Any]) -> Iterator[Tensor]:
        """Batches of all sequences, with their observed and predicted frames.

        Args:
            spec: ``context``, ``horizon`` and ``batch``.
        """
        assert self.sequences is not None
        for first in range(0, len(self.sequences), spec["batch"]):
            length = spec["context"] + spec["horizon"]
            yield self.sequences.video(first, spec["batch"], length)

    def forecasts(
        self, context: int, horizon: int, batch: int
    ) -> Iterator[tuple[Tensor, Iterator[Tensor]]]:
        """Batches of (video, predicted frames), frames one by one.

        Videos have ``context + horizon`` frames.
        """
        assert self.sequences is not None
        for first in range(0, len(self.sequences), batch):
            video = self.sequences.video(first, batch, context + horizon)
            yield video, self._predict(video[:, :context], horizon, first)

    def pairs(
        self, context: int, horizon: int, batch: int
    ) -> Iterator[Iterator[tuple[Tensor, Tensor]]]:
        """Batches of (predicted frame, true frame), one by one.

        Memory does not grow with `horizon`: a frame is made when it is asked for, a
        true one with the next `STRETCH`, if sequences can be rendered in parts.
        """
        assert self.sequences is not None
        for first in range(0, len(self.sequences), batch):
            observed = self.sequences.video(first, batch, context)
            true = self._true(first, batch, context, context + horizon)
            yield zip(self._predict(observed, horizon, first), true, strict=True)

    def _predict(self, observed: Tensor, horizon: int, first: int) -> Iterator[Tensor]:
        extra, count = {}, len(observed)
        if isinstance(self.sequences, Acted):
            frames = observed.shape[1] + horizon
            extra["actions"] = self.sequences.actions(first, count, frames)
        if self.baseline is not None:
            extra["velocity"] = self._velocity(first, count)
        return self.model.predict(observed, horizon, **extra)

    def _true(self, first: int, count: int, start: int, end: int) -> Iterator[Tensor]:
        """The frames `start` … `end` - 1 of some sequences."""
        sequences = self.sequences
        if not isinstance(sequences, Long):
            assert sequences is not None
            yield from sequences.video(first, count, end)[:, start:].unbind(1)
            return
        for begin in range(start, end, STRETCH):
            frames = min(STRETCH, end - begin)
            yield from sequences.stretch(first, count, begin, frames).unbind(1)

    def _velocity(self, first: int, count: int) -> Tensor:
        assert self.sequences is not None
        recipe = self.sequences.recipe.isel(sample=slice(first, first + count))
        names = velocities.names(recipe)
        parts = [torch.as_tensor(recipe[name].values) for name in names]
        return torch.stack(parts, dim=-1).long().to(self.device)


def by_frame(
    subject: Subject,
    spec: dict[str, Any],
    compare: Callable[[Tensor, Tensor], Tensor],
    meanings: Mapping[str, tuple[str, str]],
) -> xr.Dataset:
    """Compare every predicted frame of every sequence with the true one.

    Args:
        subject: a model and its test sequences.
        spec: ``context``, ``horizon`` and ``batch``.
        compare: from a predicted and a true frame of some sequences, each sample ×
            channel × height × width, to number × sample.
        meanings: the name of each number, with its long name and units.

    Returns:
        The numbers (sample × frame), labelled as the sequences are; frame 1 follows
        the last observed one.
    """
    assert subject.sequences is not None
    context, horizon, parts = spec["context"], spec["horizon"], []
    for pairs in subject.pairs(context, horizon, spec["batch"]):
        found = [compare(predicted, true) for predicted, true in pairs]
        parts.append(torch.stack(found, dim=-1))
    values = torch.cat(parts, dim=1).double().cpu().numpy()
    table = {
        name: (("sample", "frame"), part, {"long_name": meaning, "units": units})
        for part, (name, (meaning, units)) in zip(values, meanings.items(), strict=True)
    }
    numbers = ("frame", np.arange(1, horizon + 1), {"units": "frame"})
    coords = {**subject.sequences.recipe.coords, "frame": numbers}
    return xr.Dataset(table, coords=coords)


@dataclass(frozen=True)
class Entry:
    """A model among those that are measured together, with all its seeds.

    Attributes:
        name: in the cubes.
        checkpoints: one of each seed; none of a baseline.
        baseline: the specification of a model without weights.
        treatment: what is done to the trained models.
    """

    name: str
    checkpoints: Sequence[Path] = ()
    baseline: dict[str, Any] = field(default_factory=dict)
    treatment: Any = None

    def measured(
        self, seeds: Sequence[int], axis: dict[str, Any], sequences: Sequences | None
    ) -> xr.Dataset:
        """A statistic of all seeds; a baseline is equal for all of them.

        Args:
            seeds: of the weights.
            axis: its ``statistic``, a module of this package, and the ``spec`` and
                ``options`` of it.
            sequences: of the axis; None for statistics of the training itself.
        """
        statistic = load("fernn.evaluation", axis["statistic"])
        paths = self.checkpoints or [None]
        baseline = None if self.checkpoints else self.baseline
        about = baseline, sequences, device(), self.treatment
        subjects = [Subject(path, *about) for path in paths]
        given = axis.get("spec", {}), axis.get("options", {})
        found = [_fitting(statistic, each, *given) for each in subjects]
        copies = 1 if self.checkpoints else len(seeds)
        joined = shard(found * copies, seeds, self.name)
        if self.checkpoints:
            model = subjects[0].trained
            joined.attrs["parameters"] = models.parameters(model)
            joined.attrs["velocities"] = json.dumps(models.velocities(model))
            joined.attrs["trained"] = json.dumps(_trained(self.checkpoints[0], model))
        return joined


def _trained(path: Path, model: Any) -> dict[str, Any]:
    """What a search chose, and the forms that a model runs in."""
    spec = checkpoint.describe(path)["spec"]
    search, own = spec.get("search", {}), spec["model"]
    rollout = _words(named(own["rollout"])) if own.get("rollout") else None
    cell = getattr(model, "cell", None)
    form = type(cell).__module__.rpartition(".")[2] if cell is not None else None
    chosen = {name: search.get(name, {}) for name in ("params", "edges")}
    return {"rollout": rollout, "form": form, "search": chosen}


def _words(spec: dict[str, Any]) -> str:
    """A kind and its options, as tables show them."""
    given = [f"{name} {value}" for name, value in spec.items() if name != "kind"]
    return f"{spec['kind']} ({', '.join(given)})" if given else spec["kind"]


def _fitting(
    statistic: Any, subject: Subject, spec: dict[str, Any], options: dict[str, Any]
) -> xr.Dataset:
    """The statistic, in batches that the device's memory holds."""

    def measure(batch: int) -> xr.Dataset:
        return statistic.measure(subject, {**spec, "batch": batch}, **options)

    what = f"batches of {spec.get('batch', 1)}"
    return within_memory(spec.get("batch", 1), measure, what)[0]
