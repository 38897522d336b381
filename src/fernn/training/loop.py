"""The training loop, for every model: readable from top to bottom."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from fernn.devices import within_memory
from fernn.training import optimisers, strategies, tasks
from fernn.training.ahead import Ahead
from fernn.training.fabric import Fabric, make_fabric
from fernn.training.gradient import Objective, accumulate, mean_over_devices
from fernn.training.settings import Settings
from fernn.training.strategies import Strategy
from fernn.videos.recipes import Sequences
from labrun.errors import UserError
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
    strategy: Strategy | None = None,
    seconds: float | None = None,
    devices: int = 1,
) -> tuple[list[Record], dict[str, Any]]:
    """Minimise the loss of the task that the sequences are made for.

    Test data are not seen. On a processor, a run that is stopped and continued from
    `states` gives the same bits as one that never stopped; libraries for GPUs may add
    in another order.

    Args:
        model: called with what the task gives; see `fernn.training.tasks`.
        train_split: redrawn in every epoch, or never, as its recipe says.
        validation_split: fixed; it decides which epoch's weights are kept.
        settings: see `Settings`.
        states: where to save and continue; None neither saves nor continues.
        on_epoch: is told each epoch's record, the ones before a continuation too, with
            the ``processor_seconds`` of this process from the first step on, validation
            included. They are measured, so they are not among the records.
        on_step: is told each step's record.
        strategy: that of the settings, if it needs other trained models; without it
            is built here, from the settings alone.
        seconds: until it is time to save and stop; None for no limit.
        devices: processes that share each batch, each with a device of its own; the
            others run this same call in their own process.

    Returns:
        The records of all epochs, and the weights of the best one.

    Raises:
        UserError: the accuracy is to decide, and the task has none, or several
            devices cannot train as the strategy does.
        Diverged: the loss or its gradient is not finite; the message tells the step.
        Interrupted: SIGTERM, SIGUSR1 or the time limit came; the state is saved.
    """
    tasks.measures(validation_split, settings.select_by)  # or refused at once
    train_split, validation_split = Ahead(train_split), Ahead(validation_split)
    run = Run.begin(model, train_split, settings, states, strategy, devices)
    at = run.at
    run.tell_epochs(on_epoch)
    before = at["spent"] - time.process_time()
    with stop_requests(seconds) as stopping:
        while at["step"] < settings.steps:
            on_step(run.step())
            stop = mean_over_devices(run.fabric, float(bool(stopping.reason))) > 0
            ended = at["step"] % settings.steps_per_epoch == 0
            if ended:
                run.end_epoch(validation_split)
            at["spent"] = before + time.process_time()
            if ended:
                at["seconds"].append(at["spent"])
            if states and (ended or stop) and run.fabric.is_global_zero:
                run.save(states, finished=at["step"] == settings.steps)
            if ended:
                run.tell_epochs(on_epoch, last=1)
            if stop and at["step"] < settings.steps:
                raise Interrupted(stopping.reason or "another device", at["step"])
    return at["records"], at["best"]


@dataclass(frozen=True)
class Run:
    """A training run on its device.

    Attributes:
        fabric: which device this is, and of how many.
        model: whose weights are kept.
        network: the same as it is called, on one device or several.
        optimiser: of its parameters.
        stepper: the same as it is stepped.
        objective: what is minimised, with the settings and the strategy.
        at: the ``step`` done last, the epoch's ``loss`` so far, the ``records`` of
            epochs, the ``best`` weights, the ``piece`` of a batch that fits in memory,
            the processor's ``seconds`` at the end of each epoch and those ``spent``.
    """

    fabric: Fabric
    model: nn.Module
    network: Any
    optimiser: torch.optim.Optimizer
    stepper: Any
    objective: Objective
    at: dict[str, Any]

    @classmethod
    def begin(
        cls,
        model: nn.Module,
        split: Sequences,
        settings: Settings,
        states: RollingStates | None,
        strategy: Strategy | None,
        devices: int,
    ) -> Run:
        """From the newest saved state, or the beginning; see `train`."""
        strategy = strategy or strategies.build(model, settings)
        if devices > 1 and strategy.partial:
            raise UserError(
                f"{devices} devices average all gradients, but {strategy.partial}; use"
                " one device"
            )
        fabric = make_fabric(devices, settings.precision)
        optimiser = optimisers.build(
            settings.optimiser, strategy.parameters(model), settings.learning_rate
        )
        network, stepper = fabric.setup(model, optimiser)
        objective = Objective(split, settings, strategy)
        at = {"step": 0, "loss": 0.0, "records": [], "best": None}
        at |= {"spent": 0.0, "seconds": []}
        at["piece"] = settings.batch // fabric.world_size
        run = cls(fabric, model, network, optimiser, stepper, objective, at)
        saved = states.load() if states and fabric.is_global_zero else None
        if fabric.world_size > 1:
            saved = fabric.broadcast(saved)
        if saved is not None:
            run.go_on(*saved)
        return run

    def go_on(self, at: dict[str, Any], held: dict[str, Any]) -> None:
        """Be where a saved state was."""
        parts = self.parts
        self.at.clear()
        unmeasured = {"spent": math.nan, "seconds": [math.nan] * len(at["records"])}
        self.at.update({**unmeasured, **at})  # older states have no times
        for name in parts.keys() & held.keys():  # older states have no strategy
            parts[name].load_state_dict(held[name])

    def tell_epochs(self, on_epoch: Listener, last: int | None = None) -> None:
        """Tell the records of all epochs, or of the last ones, with their times."""
        told = [*zip(self.at["records"], self.at["seconds"], strict=True)]
        for record, spent in told if last is None else told[-last:]:
            on_epoch({**record, "processor_seconds": spent})

    def save(self, states: RollingStates, finished: bool) -> None:
        """Save the state; of weights that share memory with others their own alone."""
        held = {name: part.state_dict() for name, part in self.parts.items()}
        states.save(self.at, {**held, "model": _copied(held["model"])}, finished)

    @property
    def parts(self) -> dict[str, Any]:
        """What has a state to be saved."""
        strategy = self.objective.strategy
        return {"model": self.model, "optimiser": self.optimiser, "strategy": strategy}

    def step(self) -> Record:
        """One step of the optimiser; returns what there is to tell of it."""
        self.prepare()
        loss = _gradient(self.fabric, self.network, self.objective, self.at)
        return self.update(mean_over_devices(self.fabric, loss))

    def prepare(self) -> None:
        """What comes before the gradient of a step."""
        at, settings = self.at, self.objective.settings
        self.objective.strategy.before_step(at, self.optimiser)
        for group in self.optimiser.param_groups:
            group["lr"] = settings.rate(at["step"])

    def update(self, loss: float) -> Record:
        """Move the weights by their gradient; returns what there is to tell of it.

        Args:
            loss: of the step.

        Raises:
            Diverged: the loss or the gradient is not finite.
        """
        at, settings = self.at, self.objective.settings
        strategy, fabric = self.objective.strategy, self.fabric
        _require_finite("loss", loss, at, settings)
        limit = math.inf if settings.clip is None else settings.clip
        norm = fabric.clip_gradients(
            self.network, self.stepper, max_norm=limit, error_if_nonfinite=False
        )
        assert norm is not None  # it is one of a norm that was limited
        _require_finite("gradient", norm.item(), at, settings)
        self.stepper.step()
        strategy.after_step(at)
        at["step"] += 1
        at["loss"] += loss
        piece = {"micro_batch": at["piece"]}
        return {"updates": at["step"], "train/batch_loss": loss, **piece}

    def end_epoch(self, split: Sequences) -> None:
        """Validate the model as it will be used, and record."""
        strategy, settings = self.objective.strategy, self.objective.settings
        with strategy.as_used(self.model):
            _end_epoch(self.fabric, self.model, split, settings, self.at)
            others = strategy.held_out(split, self.validation_error)
        strategy.after_epoch(self.at)
        self.at["records"][-1] |= strategy.report() | others

    def validation_error(self, split: Sequences) -> float:
        """That of the weights as they are, on any sequences."""
        settings, piece = self.objective.settings, self.at["piece"]
        with self.fabric.autocast():
            found = validate(self.model, split, settings, piece)
        return mean_over_devices(self.fabric, found["validation_error"])


def _gradient(
    fabric: Fabric, network: Any, objective: Objective, run: dict[str, Any]
) -> float:
    """The gradient of one step; returns the loss on this device's share."""

    def work(piece: int) -> float:
        network.zero_grad()
        return accumulate(fabric, network, objective, run["step"], piece)

    # Processes cannot shrink their pieces apart.
    if fabric.world_size > 1 or objective.strategy.whole:
        return work(run["piece"])
    what = f"batches of {objective.settings.batch}"
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
        found = validate(model, split, settings, run["piece"])
    found = {name: mean_over_devices(fabric, value) for name, value in found.items()}
    rivals = run["records"][run.get("phase_start", 0) :]
    previous = [settings.decisive(record) for record in rivals]
    record = {
        "epoch": run["step"] // settings.steps_per_epoch,
        "updates": run["step"],
        "train_loss": run["loss"] / settings.steps_per_epoch,
        **found,
        "learning_rate": settings.rate(run["step"] - 1),
    }
    run["records"].append(record)
    run["loss"] = 0.0
    if run["best"] is None or settings.decisive(record) < min(previous):
        run["best"] = _copied(model.state_dict())


def _copied(weights: dict[str, Any]) -> dict[str, Any]:
    """The same state dict in memory of its own."""
    for name, value in weights.items():
        weights[name] = value.clone()
    return weights


@torch.no_grad()
def validate(
    network: Any, split: Sequences, settings: Settings, piece: int | None = None
) -> Record:
    """The task's mean error on a fixed split, of the longest trained roll-out.

    Beside it the accuracy, if that decides between epochs; see `tasks.measures`.
    """
    network.eval()
    task, piece = tasks.of(split), piece or settings.batch
    measures = tasks.measures(split, settings.select_by)
    totals = dict.fromkeys(measures, 0.0)
    frames = settings.context, settings.validated
    for first in range(0, len(split), piece):
        seen, target = task.batch(split, first, piece, *frames)
        output = network(*seen)
        for name, measure in measures.items():
            totals[name] += measure(output, target).double().sum().item()
    network.train()
    return {name: total / len(split) for name, total in totals.items()}
