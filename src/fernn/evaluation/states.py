"""The states that a forecaster visits: fed with true frames, and in its roll-out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor

from fernn.flows import cached_kernels
from fernn.models.rollouts import Carry
from labrun.errors import UserError

RUNS = ("driven", "rollout")  # fed with true frames, and predicting


def require_states(model: Any, statistic: str) -> None:
    """Refuse a model that rolls out no state.

    Raises:
        UserError: it does not.
    """
    if not hasattr(model, "trajectory"):
        raise UserError(f"{statistic} needs a forecaster that rolls out a state")


def driven(model: Any, video: Tensor) -> Iterator[tuple[Carry, Tensor]]:
    """The first step of a roll-out after each frame, all before it being true.

    Args:
        model: a forecaster.
        video: batch × time × channel × height × width.

    Yields:
        What `Forecaster.trajectory` does first for each beginning of the video.
    """
    with cached_kernels(model):
        for time, state in enumerate(model.states(video), start=1):
            begun = model.rollout.begin(state, video[:, :time])
            yield model.rollout.step(model, begun)


def in_lab(model: Any, carry: Carry) -> Tensor:
    """The state in the lab frame: batch × velocity × hidden × height × width."""
    return model.cell.lab(carry.state, carry.time, carry.ahead)
