"""The training loop, for every model: readable from top to bottom."""

from __future__ import annotations

import copy
import math
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from torch import nn

from fernn.data.recipes import Sequences
from fernn.training.rolling import RollingStates
from fernn.training.settings import Settings

Record = dict[str, float]
Listener = Callable[[Record], None]


class Diverged(ArithmeticError):
    """The loss is no longer a finite number."""


class Interrupted(Exception):
    """A signal asked to stop; the state is saved and the run can go on."""


def train(
    model: nn.Module,
    train_split: Sequences,
    validation_split: Sequences,
    settings: Settings,
    states: RollingStates | None = None,
    on_epoch: Listener = lambda record: None,
    on_step: Listener = lambda record: None,
) -> tuple[list[Record], dict[str, Any]]:
    """Minimise the mean squared error of the predicted frames.

    Test data are not seen. A run that is stopped and continued from `states` gives the
    same bits as one that never stopped.

    Args:
        model: called with ``(video, horizon)``.
        train_split: fresh sequences in every epoch.
        validation_split: fixed; its error decides which epoch's weights are kept.
        settings: see `Settings`.
        states: where to save and continue; None neither saves nor continues.
        on_epoch: is told each epoch's record, the ones before a continuation too.
        on_step: is told each step's record.

    Returns:
        The records of all epochs, and the weights of the best one.

    Raises:
        Diverged: the loss is not finite; the message tells the step.
        Interrupted: SIGTERM or SIGUSR1 came; the state is saved.
    """
    fabric = make_fabric()
    optimiser = torch.optim.Adam(model.parameters(), lr=settings.learning_rate)
    network, optimiser = fabric.setup(model, optimiser)
    run = _restore(states, network, optimiser)
    for record in run["records"]:
        on_epoch(record)
    with stop_requests() as stopping:
        while run["step"] < settings.steps:
            loss = _step(fabric, network, optimiser, train_split, settings, run["step"])
            run["step"] += 1
            run["loss"] += loss
            on_step({"updates": run["step"], "train/batch_loss": loss})
            ended = run["step"] % settings.steps_per_epoch == 0
            if ended:
                _end_epoch(network, validation_split, settings, run)
            if states and (ended or stopping.is_set()):
                parts = {"model": network, "optimiser": optimiser}
                states.save(run, {k: part.state_dict() for k, part in parts.items()})
            if ended:
                on_epoch(run["records"][-1])
            if stopping.is_set():
                raise Interrupted(f"stopped after step {run['step']}")
    return run["records"], run["best"]


def _restore(
    states: RollingStates | None, network: Any, optimiser: Any
) -> dict[str, Any]:
    """Where to go on: the newest saved state, or the beginning."""
    saved = states.load() if states else None
    if saved is None:
        return {"step": 0, "loss": 0.0, "records": [], "best": None}
    run, parts = saved
    network.load_state_dict(parts["model"])
    optimiser.load_state_dict(parts["optimiser"])
    return run


def make_fabric() -> Fabric:
    """One device, single precision; the cluster's job manager is left alone."""
    return Fabric(devices=1, plugins=LightningEnvironment())


def _step(
    fabric: Fabric,
    network: Any,
    optimiser: Any,
    split: Sequences,
    settings: Settings,
    step: int,
) -> float:
    """One optimiser step; returns its loss."""
    epoch, batch = divmod(step, settings.steps_per_epoch)
    ahead = settings.frames_ahead(step)
    frames = settings.context + ahead
    video = split.video(batch * settings.batch, settings.batch, frames, epoch)
    for group in optimiser.param_groups:
        group["lr"] = settings.rate(step)
    optimiser.zero_grad()
    predicted = network(video[:, : settings.context], ahead)
    loss = (predicted - video[:, settings.context :]).square().mean()
    value = loss.item()
    if not math.isfinite(value):
        raise Diverged(f"the loss is {value} at step {step + 1} of {settings.steps}")
    fabric.backward(loss)
    fabric.clip_gradients(network, optimiser, max_norm=settings.clip)
    optimiser.step()
    return value


def _end_epoch(
    network: Any, split: Sequences, settings: Settings, run: dict[str, Any]
) -> None:
    """Validate, record, and keep the weights if they are the best so far."""
    error = validation_error(network, split, settings)
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
        run["best"] = copy.deepcopy(network.state_dict())


@torch.no_grad()
def validation_error(network: Any, split: Sequences, settings: Settings) -> float:
    """Mean squared error of the longest trained roll-out on a fixed split."""
    network.eval()
    total = 0.0
    for first in range(0, len(split), settings.batch):
        frames = settings.context + settings.validated
        video = split.video(first, settings.batch, frames)
        predicted = network(video[:, : settings.context], settings.validated)
        errors = (predicted - video[:, settings.context :]).square().mean((1, 2, 3, 4))
        total += errors.double().sum().item()
    network.train()
    return total / len(split)


@contextmanager
def stop_requests() -> Iterator[threading.Event]:
    """Within the block, SIGTERM and SIGUSR1 set the event instead of killing."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    numbers = (signal.SIGTERM, signal.SIGUSR1)
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        signal.signal(number, lambda *_: asked.set())
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
