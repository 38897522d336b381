"""Floating point operations of a model, counted without computing anything.

The model runs on torch's `meta` device, where tensors have shapes and no numbers, under
torch's counter: two operations for each multiplication and addition of a convolution or
matrix product, nothing for the rest.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from fernn import models
from fernn.estimate.work import Network, Work
from fernn.shapes import Shapes
from fernn.training import tasks
from labrun.modules import load

CHANNELS = 1  # of a frame
SHORTEST = 2  # predicted frames from which on all are alike


@functools.cache
def build(network: Network, device: str = "meta") -> Any:
    """The model."""
    with torch.device(device), Shapes() if device == "meta" else nullcontext():
        return models.build(json.loads(network.spec), network.size)


def task_of(network: Network) -> tuple[Any, Callable[[Any, Tensor], Tensor]]:
    """What the model learns, see `fernn.training.tasks`, and the loss by default."""
    task = tasks.named_by(load("fernn.models", json.loads(network.spec)["kind"]))
    return task, load("fernn.training.losses", task.LOSS).loss


class Count(NamedTuple):
    """What a work asks of a device.

    Attributes:
        flop: floating point operations.
        calls: operations of torch, each begun from Python, views included.
    """

    flop: float
    calls: float


@dataclass(frozen=True)
class Blank:
    """Videos and classes of the right shapes; on `meta` they have no numbers."""

    size: int
    device: str = "meta"

    def video(self, first: int, count: int, frames: int, epoch: int = 0) -> Tensor:
        """See `fernn.videos.recipes.Sequences`."""
        shape = (count, frames, CHANNELS, self.size, self.size)
        return torch.rand(shape, device=self.device)

    def labels(self, first: int, count: int, epoch: int = 0) -> Tensor:
        """See `fernn.videos.recipes.Labelled`."""
        return torch.zeros(count, dtype=torch.int64, device=self.device)

    def actions(self, first: int, count: int, frames: int, epoch: int = 0) -> Tensor:
        """See `fernn.videos.recipes.Acted`."""
        return torch.zeros(count, frames - 1, 2, dtype=torch.int64, device=self.device)


def count(work: Work) -> Count:
    """Operations of all batches.

    Models predict frame by frame, or several frames again and again, so those of a
    longer horizon follow from two shorter ones. Small frames are decoded several by
    one call, which saves calls unseen here.
    """

    def each(horizon: int) -> Count:
        return _of_batch(work.network, work.batch, work.context, horizon, work.trains)

    horizons = {work.horizon: 1}
    period = _period(work.network)
    more = max(work.horizon - SHORTEST, 0) // period - 1
    if more > 0:
        short = work.horizon - (1 + more) * period
        horizons = {short + period: 1 + more, short: -more}
    weighted = [
        (times * work.batches, each(ahead)) for ahead, times in horizons.items()
    ]
    return Count(
        sum(times * found.flop for times, found in weighted),
        sum(times * found.calls for times, found in weighted),
    )


def _period(network: Network) -> int:
    """Predicted frames after which a model does the same again."""
    return getattr(getattr(build(network), "rollout", None), "every", 1)


@functools.cache
def _of_batch(
    network: Network, batch: int, context: int, horizon: int, trains: bool
) -> Count:
    model, (task, loss) = build(network), task_of(network)
    seen, target = task.batch(Blank(network.size), 0, batch, context, horizon)
    with torch.set_grad_enabled(trains), Shapes() as counted:
        output = model(*seen)
        if trains:
            loss(output, target).backward()
    return Count(counted.flop, counted.calls)
