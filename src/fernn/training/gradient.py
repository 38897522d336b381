"""The gradient of a batch: shared among devices, each share in pieces."""

from __future__ import annotations

from typing import Any

import torch

from fernn.training import tasks
from fernn.training.fabric import Fabric
from fernn.training.settings import Settings
from fernn.videos.recipes import Sequences


def accumulate(
    fabric: Fabric,
    network: Any,
    split: Sequences,
    settings: Settings,
    step: int,
    piece: int,
) -> float:
    """Add the gradient of this device's share of the batch of a step.

    However the batch is cut, the loss and the gradient are its means; only the order
    of the sums differs. A batch normalisation alone sees pieces.

    Args:
        fabric: how many devices there are and which this is.
        network: called with what the split's task gives.
        split: where the sequences come from.
        settings: see `Settings`.
        step: of the optimiser.
        piece: sequences that are in memory at once.

    Returns:
        The mean loss of the share.
    """
    epoch, batch = divmod(step, settings.steps_per_epoch)
    ahead, context = settings.frames_ahead(step), settings.context
    task = tasks.of(split)
    share = settings.batch // fabric.world_size
    begin = batch * settings.batch + fabric.global_rank * share
    total = torch.zeros((), device=fabric.device)
    for first in range(0, share, piece):
        count = min(piece, share - first)
        seen, target = task.batch(split, begin + first, count, context, ahead, epoch)
        waits = fabric.world_size > 1 and first + count < share
        with fabric.no_backward_sync(network, enabled=waits):
            loss = task.loss(network(*seen), target) * (count / share)
            fabric.backward(loss)
        total += loss.detach()
    return total.item()


def mean_over_devices(fabric: Fabric, value: float) -> float:
    """The mean of a number that each device has."""
    if fabric.world_size == 1:
        return value
    own = torch.tensor(value, dtype=torch.float64, device=fabric.device)
    mean = fabric.all_reduce(own, reduce_op="mean")
    assert isinstance(mean, torch.Tensor)
    return mean.item()
