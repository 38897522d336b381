"""The gradient of a batch: shared among devices, each share in pieces."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from fernn.training import tasks
from fernn.training.fabric import Fabric
from fernn.training.settings import Settings
from fernn.training.strategies import Strategy
from fernn.videos.recipes import Sequences
from labrun.errors import UserError
from labrun.modules import configured

LOSSES = "fernn.training.losses"


@dataclass(frozen=True)
class Objective:
    """What is minimised.

    Attributes:
        split: where the sequences come from.
        settings: see `Settings`.
        strategy: what it changes of it.
        losses: those looked up so far, by the task's own.
    """

    split: Sequences
    settings: Settings
    strategy: Strategy
    losses: dict[str, Callable[..., Any]] = field(default_factory=dict)

    def loss(self, network: Any, place: tuple[int, int], step: int) -> torch.Tensor:
        """The loss of a piece of the batch of a step; a mean over its samples.

        Args:
            network: called with what the task gives.
            place: the first sequence and their number.
            step: of the optimiser.

        Raises:
            UserError: it is not one number.
        """
        task, seen, target = self.batch(place, step)
        output = self.strategy.call(network, seen, target)
        penalty = self.strategy.penalty(network, seen, output, target)
        return self.value(task, output, target, penalty)

    def batch(self, place: tuple[int, int], step: int) -> tuple[Any, Any, torch.Tensor]:
        """The task of a step, what a network is called with, and the target.

        Args are those of `loss`.
        """
        settings, strategy = self.settings, self.strategy
        split, task = strategy.source(step, self.split, tasks.of(self.split))
        ahead = strategy.frames_ahead(step, settings)
        epoch = step // settings.steps_per_epoch
        return task, *task.batch(split, *place, settings.context, ahead, epoch)

    def value(
        self,
        task: Any,
        output: torch.Tensor,
        target: torch.Tensor,
        penalty: torch.Tensor | float = 0.0,
    ) -> torch.Tensor:
        """The loss of what a network answers; raises as `loss`."""
        value = self._loss_of(task)(output, target) + penalty
        if value.ndim:
            raise UserError(
                "a loss and a penalty are one number, the mean over the samples; got"
                f" the shape {tuple(value.shape)}"
            )
        return value

    def _loss_of(self, task: Any) -> Callable[..., Any]:
        """Looked up once for a task; a strategy may change the task between steps."""
        if task.LOSS not in self.losses:
            spec = self.settings.loss or task.LOSS
            self.losses[task.LOSS] = configured(LOSSES, spec, "loss")
        return self.losses[task.LOSS]


def accumulate(
    fabric: Fabric, network: Any, objective: Objective, step: int, piece: int
) -> float:
    """Add the gradient of this device's share of the batch of a step.

    However the batch is cut, the loss and the gradient are its means; only the order
    of the sums differs. A batch normalisation alone sees pieces.

    Args:
        fabric: how many devices there are and which this is.
        network: of which the gradient is.
        objective: what is minimised.
        step: of the optimiser.
        piece: sequences that are in memory at once.

    Returns:
        The mean loss of the share.
    """
    settings = objective.settings
    batch = step % settings.steps_per_epoch
    share = settings.batch // fabric.world_size
    begin = batch * settings.batch + fabric.global_rank * share
    total = torch.zeros((), device=fabric.device)
    for first in range(0, share, piece):
        count = min(piece, share - first)
        waits = fabric.world_size > 1 and first + count < share
        with fabric.no_backward_sync(network, enabled=waits):
            loss = objective.loss(network, (begin + first, count), step)
            loss = loss * (count / share)
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
