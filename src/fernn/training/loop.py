"""The training loop, for every model: readable from top to bottom."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from fernn.devices import within_memory
from fernn.training import tasks
from fernn.training.ahead import Ahead
from fernn.training.fabric import Fabric, make_fabric
from fernn.training.gradient import accumulate, mean_over_devices
from fernn.training.settings import Settings
from fernn.videos.recipes import Sequences
from labrun.rolling_states import RollingStates
from labrun.stopping import Interrupted, stop_requests

Record = dict[str, float]
Listener = Callable[[Record], None]


class Diverged(ArithmeticError):
    """The loss or its gradient is no longer a finite number."""


def train(
    model: nn.Module,
    train_split: Sequences,
    validation_split: Sequences,
    settings: Settings,
    states: RollingStates | None = None,
    on_epoch: Listener = lambda record: None,
    on_step: Listener = lambda record: None,
    *,
    seconds: float | None = None,
    devices: int = 1,
) -> tuple[list[Record], dict[str, Any]]:
    """Minimise the loss of the task that the sequences are made for.

    Test data are not seen. A run that is stopped and continued from `states` gives the
    same bits as one that never stopped.

    Args:
        model: called with what the task gives; see `fernn.training.tasks`.
        train_split: fresh sequences in every epoch.
        validation_split: fixed; its error decides which epoch's weights are kept.
        settings: see `Settings`.
        states: where to save and continue; None neither saves nor continues.
        on_epoch: is told each epoch's record, the ones before a continuation too.
        on_step: is told each step's record.
        seconds: until it is time to save and stop; None for no limit.
        devices: processes that share each batch, each with a device of its own; the
            others run this same call in their own process.

    Returns:
        The records of all epochs, and the weights of the best one.

    Raises:
        Diverged: the loss or its gradient is not finite; the message tells the step.
        Interrupted: SIGTERM, SIGUSR1 or the time limit came; the state is saved.
    """
    train_split, validation_split = Ahead(train_split), Ahead(validation_split)
    fabric = make_fabric(devices, settings.precision)
    optimiser = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    network, optimiser = fabric.setup(model, optimiser)
    run = _restore(fabric, states, settings, model, optimiser)
    for record in run["records"]:
        on_epoch(record)
    with stop_requests(seconds) as stopping:
        while run["step"] < settings.steps:
            loss = _step(fabric, network, optimiser, train_split, settings, run)
            loss = mean_over_devices(fabric, loss)
            _require_finite("loss", loss, run, settings)
            norm = fabric.clip_gradients(
                network, optimiser, max_norm=settings.clip, error_if_nonfinite=False
            )
            assert norm is not None  # it is one of a norm that was limited
            _require_finite("gradient", norm.item(), run, settings)
            optimiser.step()
            run["step"] += 1
            run["loss"] += loss
            piece = {"micro_batch": run["piece"]}
            on_step({"updates": run["step"], "train/batch_loss": loss, **piece})
            asked = mean_over_devices(fabric, float(bool(stopping.reason))) > 0
            ended = run["step"] % settings.steps_per_epoch == 0
            if ended:
                _end_epoch(fabric, model, validation_split, settings, run)
            if states and (ended or asked) and fabric.is_global_zero:
                parts = {"model": model, "optimiser": optimiser}
                held = {name: part.state_dict() for name, part in parts.items()}
                states.save(run, held, finished=run["step"] == settings.steps)
            if ended:
                on_epoch(run["records"][-1])
            if asked and run["step"] < settings.steps:
                raise Interrupted(stopping.reason or "another device", run["step"])
    return run["records"], run["best"]


def _restore(
    fabric: Fabric,
    states: RollingStates | None,
    settings: Settings,
    model: nn.Module,
    optimiser: Any,
) -> dict[str, Any]:
    """Where to go on: the newest saved state, or the beginning."""
    saved = states.load() if states and fabric.is_global_zero else None
    if fabric.world_size > 1:
        saved = fabric.broadcast(saved)
    if saved is None:
        piece = settings.batch // fabric.world_size
        return {"step": 0, "loss": 0.0, "records": [], "best": None, "piece": piece}
    run, parts = saved
    model.load_state_dict(parts["model"])
    optimiser.load_state_dict(parts["optimiser"])
    return run


def _step(
    fabric: Fabric,
    network: Any,
    optimiser: Any,
    split: Sequences,
    settings: Settings,
    run: dict[str, Any],
) -> float:
    """The gradient of one step; returns the loss on this device's share."""
    for group in optimiser.param_groups:
        group["lr"] = settings.rate(run["step"])

    def work(piece: int) -> float:
        optimiser.zero_grad()
        return accumulate(fabric, network, split, settings, run["step"], piece)

    if fabric.world_size > 1:  # processes cannot shrink their pieces apart
        loss = work(run["piece"])
    else:
        what = f"batches of {settings.batch}"
        loss, run["piece"] = within_memory(run["piece"], work, what)
    return loss


def _require_finite(
    what: str, value: float, run: dict[str, Any], settings: Settings
) -> None:
    if not math.isfinite(value):
        step = run["step"] + 1
        raise Diverged(f"the {what} is {value} at step {step} of {settings.steps}")


def _end_epoch(
    fabric: Fabric,
    model: nn.Module,
    split: Sequences,
    settings: Settings,
    run: dict[str, Any],
) -> None:
    """Validate, record, and keep the weights if they are the best so far."""
    with fabric.autocast():
        error = validation_error(model, split, settings, run["piece"])
    error = mean_over_devices(fabric, error)
    previous = [record["validation_error"] for record in run["records"]]
    record = {
        "epoch": run["step"] // settings.steps_per_epoch,
        "updates": run["step"],
        "train_loss": run["loss"] / settings.steps_per_epoch,
        "validation_error": error,
        "learning_rate": settings.rate(run["step"] - 1),
    }
    run["records"].append(record)
    run["loss"] = 0.0
    if run["best"] is None or error < min(previous):
        run["best"] = copy.deepcopy(model.state_dict())


@torch.no_grad()
def validation_error(
    network: Any, split: Sequences, settings: Settings, piece: int | None = None
) -> float:
    """The task's mean error on a fixed split, of the longest trained roll-out."""
    network.eval()
    task, total, piece = tasks.of(split), 0.0, piece or settings.batch
    frames = settings.context, settings.validated
    for first in range(0, len(split), piece):
        seen, target = task.batch(split, first, piece, *frames)
        errors = task.errors(network(*seen), target)
        total += errors.double().sum().item()
    network.train()
    return total / len(split)
