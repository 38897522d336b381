"""What every flow offers, the frames that move with its slots, and their size."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fernn.velocities import Velocity, whole
from labrun.errors import UserError, shown

Frame = tuple[int, int]
Size = int | Sequence[int]  # the side of a square, or rows and columns


class Flow(ABC):
    r"""A set V of velocities, how each acts, and which convolution commutes with it.

    A flow is a one-parameter group: :math:`\psi_0 = e` and
    :math:`\psi_s(\nu)\,\psi_t(\nu) = \psi_{s+t}(\nu)` (section 3 of the paper). On
    frames alone it acts by `act`; a state may have more to it, such as orientations,
    which `act_on_state` moves along. The convolutions commute with the latter.

    Attributes:
        velocities: V, in the order of the velocity axis of a hidden state.
        fibre: channels of a state for each hidden channel, such as orientations.
        kernel: side of the kernels, unless another is asked for.
        padding: how frames continue beyond their border.
    """

    velocities: tuple[Velocity, ...]
    fibre: int = 1
    kernel: int = 3
    padding: Literal["circular", "zeros"] = "circular"

    @property
    def torus(self) -> Frame | None:
        """Height and width of the torus on which V shifts by whole pixels.

        None if the action is another, such as one that interpolates.
        """
        return None

    @abstractmethod
    def act(
        self,
        signal: Float[Tensor, "*batch height width"],
        velocity: Velocity,
        time: int = 1,
    ) -> Float[Tensor, "*batch height width"]:
        r""":math:`\psi_t(\nu)\cdot f`, same shape."""

    @abstractmethod
    def difference(self, left: Velocity, right: Velocity) -> int | None:
        """The slot of ``left - right`` in V, or None where V does not hold it."""

    def act_on_state(
        self,
        state: Float[Tensor, "*batch hidden height width"],
        velocity: Velocity,
        time: int = 1,
    ) -> Float[Tensor, "*batch hidden height width"]:
        r""":math:`\psi_t(\nu)\cdot h` on a slot of the state."""
        return self.act(state, velocity, time)

    def frame_objection(self, height: int, width: int) -> str | None:
        """Why frames of that size cannot be moved, in one line; None if they can."""
        return None

    def lab_objection(self) -> str | None:
        """Why the state cannot be moved step by step, or None if it can."""
        return None

    def lifting(self, channels: int, hidden: int, kernel: int) -> nn.Module:
        """The convolution from a frame to `hidden` channels of a state."""
        return self.ordinary(channels, hidden, kernel)

    def convolution(self, inputs: int, outputs: int, kernel: int) -> nn.Module:
        """The convolution from a state to a state; commutes with `act_on_state`."""
        return self.ordinary(inputs, outputs, kernel)

    def projection(self, hidden: int, channels: int, kernel: int) -> nn.Module:
        """The linear end of a decoder, from a state to a frame."""
        return self.ordinary(hidden, channels, kernel)

    def ordinary(self, inputs: int, outputs: int, kernel: int) -> nn.Conv2d:
        """A convolution without bias that keeps height and width."""
        return nn.Conv2d(
            inputs,
            outputs,
            kernel,
            padding=kernel // 2,
            padding_mode=self.padding,
            bias=False,
        )


def frame_of(size: Any) -> Frame:
    """The height and width that a size gives, pixels.

    Args:
        size: the side of a square frame, or (rows, columns).

    Raises:
        UserError: it is neither, or not positive.
    """
    message = "size must be a positive number of pixels, or two of them (rows, columns)"
    try:
        pair = tuple(size)
    except TypeError:
        pair = size, size
    if len(pair) != 2:
        raise UserError(f"{message}, got {shown(size)}")
    rows, columns = (whole(side, message, least=1, told=size) for side in pair)
    return rows, columns


def pull_back(
    flow: Flow,
    video: Float[Tensor, "batch time channel height width"],
    first: int = 0,
) -> Float[Tensor, "batch velocity time channel height width"]:
    r"""What each slot sees from its own frame, :math:`\psi_{-t}(\nu) \cdot f_t`.

    Args:
        flow: V and its action.
        video: frames that follow each other.
        first: the time t of the first of them.
    """
    frames = list(enumerate(video.unbind(1), start=first))
    seen = [
        torch.stack([flow.act(frame, nu, -time) for time, frame in frames], dim=1)
        for nu in flow.velocities
    ]
    return torch.stack(seen, dim=1)


def push_forward(
    flow: Flow,
    state: Float[Tensor, "batch velocity hidden height width"],
    steps: int,
    members: int = 1,
) -> Float[Tensor, "batch velocity hidden height width"]:
    r"""Every slot moved by so many steps of its own flow, :math:`\psi_s(\nu) \cdot`.

    Args:
        flow: V and its action.
        state: of the lab frame before it is moved.
        steps: how many.
        members: models in one, each with its own of the channels; see `Cell`.
    """
    slots = state.unflatten(2, (members, -1)).unbind(1)
    pairs = zip(slots, flow.velocities, strict=True)
    moved = [flow.act_on_state(slot, nu, steps) for slot, nu in pairs]
    return torch.stack(moved, dim=1).flatten(2, 3)
