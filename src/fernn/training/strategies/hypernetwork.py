r"""Tasks in turn: a network that knows the task emits the weights of the model.

The tasks are largest speeds of the data, each learnt in an equal share of the epochs
and never seen again. With the weights H of task j, and parameters θ that were θ* before
task k began,

.. math::
    L = L_k(H(e_k; \theta))
        + \beta \sum_{j<k} \|H(e_j; \theta^*) - H(e_j; \theta)\|^2.

H is an LSTM over the layers (`_emitter`), which passes what one layer has got on to the
next. Weights of earlier tasks are kept by their values, without their data. Kernels
that are emitted are shared by slots and pixels as any: the model is as equivariant. The
checkpoint is an ordinary model with the weights of one task.

Source: dependency-preserving hypernetworks for continual learning, arXiv 2209.07712.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from fernn.training.settings import Settings
from fernn.training.strategies import Run, begin_phase
from fernn.training.strategies._emitter import Emitter
from fernn.training.strategies._scaffold import attach, without
from fernn.training.strategies.curriculum import Curriculum
from labrun.errors import UserError


class Hypernetwork(Curriculum):
    """Its stages are the tasks; the newest weights are kept, whatever their error.

    Args:
        model: whose weights are emitted; its own are replaced.
        settings: of the training.
        emitter: H.
        speeds: of the tasks.
        beta: of the distance to weights of earlier tasks.
        task: of which the weights are kept.
    """

    alone = "hypernetwork replaces the weights that others act on"

    def __init__(
        self,
        model: nn.Module,
        settings: Settings,
        emitter: Emitter,
        speeds: list[int],
        beta: float,
        task: int,
    ):
        super().__init__(settings, [], speeds, None, "train_loss", None)
        self.model, self.emitter = model, emitter
        self.beta, self.task = beta, task
        self.before = emitter.start.new_empty(0, len(emitter.start))

    def parameters(self, model: nn.Module) -> Iterator[nn.Parameter]:
        """Those of H alone."""
        return self.emitter.parameters()

    def before_step(self, run: Run, optimiser: torch.optim.Optimizer) -> None:
        """Begin an epoch, and a task when it is time.

        A validation error of all speeds would choose weights by tasks that are no
        longer there: no epoch is chosen.
        """
        if run["step"] % self.settings.steps_per_epoch:
            return
        begin_phase(run)
        epoch = run["step"] // self.settings.steps_per_epoch
        stage = epoch * self.stages // self.settings.epochs
        if stage > self.stage:
            self.before = self.emitter(range(stage)).detach()
            self.emitter.follow(stage)
        self.stage = stage

    def call(self, network: Any, seen: tuple[Any, ...], target: Tensor) -> Tensor:
        """The network with the weights of the task."""
        weights = self.emitter.named(self.emitter([self.stage])[0])
        names = {id(each): name for name, each in network.named_parameters()}
        own = self.model.named_parameters()
        placed = {names[id(p)]: weights[name] for name, p in own if name in weights}
        return functional_call(network, placed, seen)

    def penalty(
        self, network: Any, seen: tuple[Any, ...], output: Tensor, target: Tensor
    ) -> Tensor | float:
        """How far the weights of earlier tasks have moved."""
        if not self.stage:
            return 0.0
        moved = self.emitter(range(self.stage)) - self.before
        return self.beta * moved.square().sum()

    @torch.no_grad()
    def bake(self, task: int) -> None:
        """Give the model the weights of a task; one to come has those of the newest."""
        own = dict(self.model.named_parameters())
        weights = self.emitter([min(task, self.stage)])[0]
        for name, weight in self.emitter.named(weights).items():
            own[name].copy_(weight)

    @contextmanager
    def as_used(self, model: nn.Module) -> Iterator[None]:
        """The task whose weights are kept."""
        self.bake(self.task)
        yield

    def held_out(self, split: Any, error: Callable[[Any], float]) -> dict[str, float]:
        """The error of each task with its own weights."""
        found = {}
        for task, speed in enumerate(self.speeds):
            self.bake(task)
            found[f"task_{task}_speed_{speed}"] = error(split.with_speed(speed))
        return found

    def kept(
        self, spec: dict[str, Any], weights: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The model without H."""
        return spec, without(weights)

    def state_dict(self) -> dict[str, Any]:
        """The task, and the weights of those before it."""
        return {"stage": self.stage, "before": self.before}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The same."""
        self.stage = state["stage"]
        self.before = state["before"].to(self.emitter.start)


def build(
    model: nn.Module,
    settings: Settings,
    needs: Any,
    *,
    speeds: list[int],
    beta: float = 1.0,
    task: int | None = None,
    units: int = 64,
    chunk: int = 64,
) -> Hypernetwork:
    """Tasks in turn through a hypernetwork.

    Args:
        model: of which all weights are emitted.
        settings: of the training.
        needs: none.
        speeds: of the tasks in turn, the largest of the data, all different.
        beta: weight of the squared distance to weights of earlier tasks; 0 for none.
        task: of which the checkpoint has the weights, from 0; None for the last.
        units: of the LSTM.
        chunk: weights that one of its steps emits.

    Raises:
        UserError: the model computes states again in the backward pass or has a batch
            normalisation, tasks do not fit the epochs or are alike, or a number is out
            of range.
    """
    if getattr(model, "checkpoint", "none") != "none":
        raise UserError(
            "hypernetwork needs `checkpoint: none`: what is computed again in the"
            f" backward pass would have other weights, got {model.checkpoint}"
        )
    if any(
        isinstance(each, nn.modules.batchnorm._BatchNorm) for each in model.modules()
    ):
        raise UserError("hypernetwork: a batch normalisation would mix the tasks")
    _require_tasks(speeds, task, settings.epochs)
    if beta < 0 or units < 1 or chunk < 1:
        raise UserError(
            "hypernetwork: beta must not be negative, and units and chunk must be"
            f" positive, got {beta}, {units} and {chunk}"
        )
    weights = dict(model.requires_grad_(False).named_parameters())
    emitter: Any = attach(
        model,
        "hypernetwork",
        settings.seed,
        lambda: Emitter(weights, len(speeds), units, chunk),
    )
    last = len(speeds) - 1
    return Hypernetwork(
        model, settings, emitter, speeds, beta, last if task is None else task
    )


def _require_tasks(speeds: list[int], task: int | None, epochs: int) -> None:
    """Refuse tasks that are none, alike, too many, or negative.

    Raises:
        UserError: which, and what it is.
    """
    if not speeds or len({*speeds}) < len(speeds) or min(speeds) < 0:
        raise UserError(
            "hypernetwork.speeds must be different and not negative, one or more, got"
            f" {speeds}"
        )
    if len(speeds) > epochs:
        raise UserError(
            f"hypernetwork: {len(speeds)} tasks do not fit {epochs} epochs: each has"
            " one or more"
        )
    if task is not None and not 0 <= task < len(speeds):
        raise UserError(
            f"hypernetwork.task must be from 0 to {len(speeds) - 1}, got {task}"
        )
