"""Copies of forecasters in which one thing is done in another way."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fernn.cells import Lifted, Pooled, State, Video
from fernn.models.forecaster import Forecaster
from fernn.models.rollouts import RollOut
from labrun.errors import UserError


def require_forecaster(model: nn.Module, kind: str) -> Any:
    """The model, if it has a cell that makes steps.

    Raises:
        UserError: it is of another kind.
    """
    if not isinstance(model, Forecaster):
        name = type(model).__name__.lower()
        raise UserError(f"treatment {kind} is for a forecaster, got a {name}")
    return model


class Stepwise(Forecaster):
    """A forecaster that reads a video in a way of its own, frame by frame."""

    def forward(
        self, video: Video, horizon: int
    ) -> Float[Tensor, "batch horizon channel height width"]:
        """See `Forecaster.forward`."""
        return torch.stack([*self.predict(video, horizon)], dim=1)


def extended(model: nn.Module, by: type[Stepwise], **attributes: Any) -> Any:
    """A copy of a forecaster whose methods are those of a class, then its own.

    Args:
        model: a forecaster; treatments of it before stay in force.
        by: with some methods of a forecaster, which may call `super`.
        attributes: that these methods need.

    Raises:
        UserError: the model is no forecaster, or has this treatment already.
    """
    kind = by.__module__.rpartition(".")[2]
    require_forecaster(model, kind)
    if isinstance(model, by):
        raise UserError(f"treatment {kind} is given twice")
    found = copy.deepcopy(model)
    found.__class__ = type(by.__name__, (by, type(model)), {})
    for name, value in attributes.items():
        setattr(found, name, value)
    return found


class AfterStep(nn.Module):
    """A cell whose state is changed after every step.

    Args:
        cell: any.
        change: the new state from the old one, and whether it is the first of a video.
    """

    def __init__(self, cell: nn.Module, change: Callable[[State, bool], State]):
        super().__init__()
        self.inner, self.change = cell, change

    def __getattr__(self, name: str) -> Any:
        """All else is the cell's."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("inner"), name)

    def forward(self, lifted: Lifted | None, state: State | None) -> State:
        """See `fernn.cells.Cell.forward`."""
        return self.change(self.inner(lifted, state), state is None)

    def forward_with_maximum(
        self, lifted: Lifted | None, state: State | None, time: int
    ) -> tuple[State, Pooled]:
        """See `fernn.cells.Cell.forward_with_maximum`."""
        stepped = self(lifted, state)
        return stepped, self.lab(stepped, time).amax(1)


def after_each_step(
    model: nn.Module, kind: str, change: Callable[[State, bool], State]
) -> Any:
    """A copy of a forecaster whose state is changed after every step."""
    found = copy.deepcopy(require_forecaster(model, kind))
    found.cell = AfterStep(found.cell, change)
    return found


def rolled_out(model: nn.Module, kind: str, wrap: Callable[[RollOut], RollOut]) -> Any:
    """A copy of a forecaster with a roll-out made of its own."""
    found = copy.deepcopy(require_forecaster(model, kind))
    found.rollout = wrap(found.rollout)
    return found
