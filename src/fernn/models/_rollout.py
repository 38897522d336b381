"""Four ways to go on after the last observed frame.

Every roll-out yields the predicted frames one by one, so that memory does not grow
with the horizon. `repeat` is what the paper's code does; it feeds the last observed
frame twice and is not flow equivariant. The other three are, for a closed V.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch
from jaxtyping import Float
from torch import Tensor

if TYPE_CHECKING:
    from fernn.models.forecaster import Forecaster

State = Float[Tensor, "batch velocity hidden height width"]
Frame = Float[Tensor, "batch channel height width"]
RollOut = Callable[["Forecaster", State, Frame, int], Iterator[Frame]]


def repeat(
    model: Forecaster, state: State, last: Frame, horizon: int
) -> Iterator[Frame]:
    """Feed the last frame again, then each prediction, without its gradient."""
    fed = last
    for _ in range(horizon):
        state = model.cell(model.cell.lift(fed), state)
        prediction = model.decode(state)
        yield prediction
        fed = prediction.detach()


def warped(
    model: Forecaster, state: State, last: Frame, horizon: int
) -> Iterator[Frame]:
    r"""Feed slot :math:`\nu` the previous frame moved by its own velocity."""
    fed = last
    for _ in range(horizon):
        drive = model.cell.lift(fed).expand_as(state)
        state = model.cell(model.cell.move(drive), state)
        prediction = model.decode(state)
        yield prediction
        fed = prediction.clamp(0, 1)


def shifted(
    model: Forecaster, state: State, last: Frame, horizon: int
) -> Iterator[Frame]:
    r"""Decode :math:`\max_\nu \psi_1(\nu) \cdot h(\nu)`, then feed that."""
    for ahead in range(1, horizon + 1):
        prediction = model.decode(model.cell.move(state))
        yield prediction
        if ahead < horizon:
            state = model.cell(model.cell.lift(prediction.clamp(0, 1)), state)


def free(model: Forecaster, state: State, last: Frame, horizon: int) -> Iterator[Frame]:
    """Decode as `shifted`, feed nothing, and keep the state's joint norm.

    Without input a ReLU recurrence is positively homogeneous, that is, a power
    iteration: only the norm over slots, channels and pixels can drift away, and flows
    do not change it.
    """
    kept = norm(state)
    for ahead in range(1, horizon + 1):
        yield model.decode(model.cell.move(state))
        if ahead < horizon:
            state = model.cell(None, state)
            state = state * (kept / norm(state))


def norm(state: State) -> Float[Tensor, "batch 1 1 1 1"]:
    """The Euclidean norm of each sample's state, away from zero."""
    squares = state.square().sum(dim=(1, 2, 3, 4), keepdim=True)
    return squares.clamp_min(torch.finfo(state.dtype).tiny).sqrt()


ROLLOUTS: dict[str, RollOut] = {
    "repeat": repeat,
    "warped": warped,
    "shifted": shifted,
    "free": free,
}
