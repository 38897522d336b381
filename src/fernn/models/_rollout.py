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
RollOut = Callable[["Forecaster", State, Frame, int, int], Iterator[Frame]]


def repeat(
    model: Forecaster, state: State, last: Frame, time: int, horizon: int
) -> Iterator[Frame]:
    """Feed the last frame again, then each prediction, without its gradient."""
    fed = last
    for now in range(time, time + horizon):
        state = model.cell(_lift(model, fed, now), state)
        prediction = model.decode(model.cell.lab(state, now + 1))
        yield prediction
        fed = prediction.detach()


def warped(
    model: Forecaster, state: State, last: Frame, time: int, horizon: int
) -> Iterator[Frame]:
    r"""Feed slot :math:`\nu` the previous frame moved by its own velocity."""
    fed = last
    for now in range(time, time + horizon):
        state = model.cell(_lift(model, fed, now, ahead=1), state)
        prediction = model.decode(model.cell.lab(state, now + 1))
        yield prediction
        fed = prediction.clamp(0, 1)


def shifted(
    model: Forecaster, state: State, last: Frame, time: int, horizon: int
) -> Iterator[Frame]:
    r"""Decode :math:`\max_\nu \psi_1(\nu) \cdot h(\nu)`, then feed that."""
    for now in range(time, time + horizon):
        prediction = model.decode(model.cell.lab(state, now, ahead=1))
        yield prediction
        if now + 1 < time + horizon:
            state = model.cell(_lift(model, prediction.clamp(0, 1), now), state)


def free(
    model: Forecaster, state: State, last: Frame, time: int, horizon: int
) -> Iterator[Frame]:
    """Decode as `shifted`, feed nothing, and keep the state's joint norm.

    Without input a ReLU recurrence is positively homogeneous, that is, a power
    iteration: only the norm over slots, channels and pixels can drift away, and flows
    do not change it.
    """
    kept = norm(state)
    for now in range(time, time + horizon):
        yield model.decode(model.cell.lab(state, now, ahead=1))
        if now + 1 < time + horizon:
            state = model.cell(None, state)
            state = state * (kept / norm(state))


def _lift(model: Forecaster, frame: Frame, time: int, ahead: int = 0) -> Tensor:
    """The lifted frame of one time."""
    return model.cell.lift(frame[:, None], time, ahead)[0]


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
