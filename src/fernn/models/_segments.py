"""The frames ahead in segments of √T steps, for training.

Frames that are not fed are decoded by one call a segment. With checkpoints a forward
pass keeps the state between segments and computes the rest twice: about 2 √T states
instead of T. The gradients are the same to the last bit, since what is computed again
is the same.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from fernn.flows import cached_kernels
from fernn.models.rollouts import Carry

if TYPE_CHECKING:
    from fernn.models.forecaster import Forecaster


def forward(
    model: Forecaster,
    video: Float[Tensor, "batch time channel height width"],
    ahead: int,
    checkpoints: bool,
) -> Float[Tensor, "batch horizon channel height width"]:
    """The `ahead` frames after the observed `video`."""

    def observe(drives: list[Tensor], state: Tensor | None) -> Tensor | None:
        with cached_kernels(model):
            for drive in drives:
                state = model.cell(drive, state)
        return state

    def predict(count: int, carry: Carry) -> tuple[Carry, Tensor]:
        with cached_kernels(model):
            return model.rollout.steps(model, carry, count)

    run = _again if checkpoints else _once
    drives, state, predicted = list(model.cell.lift(video)), None, []
    length = math.isqrt(len(drives) + ahead)
    for first, count in segments(len(drives), length):
        state = run(observe, drives[first : first + count], state)
    assert state is not None
    carry = model.rollout.begin(state, video)
    if not model.rollout.recurrent:  # nothing between its frames is kept
        length = ahead
    for _, count in segments(ahead, length):
        carry, frames = run(predict, count, carry)
        predicted.append(frames)
    return torch.cat(predicted, dim=1)


def segments(steps: int, length: int) -> Iterator[tuple[int, int]]:
    """First step and number of steps of each segment."""
    for first in range(0, steps, length):
        yield first, min(length, steps - first)


def _once(function: Any, *arguments: Any) -> Any:
    return function(*arguments)


_again = partial(checkpoint, use_reentrant=False, preserve_rng_state=False)
