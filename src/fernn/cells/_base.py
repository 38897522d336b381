"""What every cell offers: one step of a recurrence on the slots of V, no loop."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from fernn.cells._checks import check_flow, check_lift
from fernn.flows import Flow, push_forward
from fernn.velocities import whole
from labrun.errors import UserError

Role = Literal["lifting", "convolution", "projection", "ordinary"]
Video = Float[Tensor, "batch time channel height width"]
State = Float[Tensor, "batch velocity hidden height width"]
Lifted = Float[Tensor, "batch slots hidden height width"]
Pooled = Float[Tensor, "batch hidden height width"]


class Cell(nn.Module, ABC):
    """A lifting convolution and a step from state to state; the flow moves the slots.

    A cell of another kind needs `forward` alone, in which it may use `layer` for
    convolutions that commute with the flow and `move` for its action.

    Args:
        flow: V and its action.
        channels: channels of a frame.
        hidden: channels of each slot of the state.
        kernel: side of the kernels, odd; None for the flow's own.

    Attributes:
        conv_u: the lifting convolution, from a frame to a slot.
        members: models in one, see `fernn.models._stack`: each has as many of the
            channels and meets no other.
        activation: the name of the nonlinearity that ends a step; None if it has none
            of a name. Decoders and converters of its state go by it.

    Raises:
        UserError: no flow, an even kernel, a size below one, or a flow that this cell
            has an objection to.
    """

    members: int = 1
    activation: str | None = None

    def __init__(
        self,
        flow: Flow,
        channels: int = 1,
        hidden: int = 128,
        kernel: int | None = None,
    ):
        super().__init__()
        check_flow(flow)
        kernel = flow.kernel if kernel is None else kernel
        objection = self.objection(flow)
        if objection:
            raise UserError(objection)
        message = "channels, hidden and kernel must be whole numbers"
        channels, hidden, kernel = (
            whole(number, message) for number in (channels, hidden, kernel)
        )
        if min(channels, hidden, kernel) < 1 or kernel % 2 == 0:
            raise UserError(
                "channels and hidden must be positive and the kernel odd,"
                f" got {channels}, {hidden} and {kernel}"
            )
        self.flow = flow
        self.channels, self.hidden, self.kernel = channels, hidden, kernel
        self.conv_u = self.layer("lifting", channels, hidden)

    @abstractmethod
    def forward(self, lifted: Lifted | None, state: State | None) -> State:
        """The next state from the lifted input and the state.

        Args:
            lifted: the lifted input, one for all slots or one for each; None is zero.
            state: None is the zero state.
        """

    @classmethod
    def objection(cls, flow: Flow) -> str | None:
        """Why this cell cannot have that flow, in one line; None if it can."""
        return flow.lab_objection()

    def layer(self, role: Role, inputs: int, outputs: int) -> nn.Module:
        """A convolution that this cell's flow has for a role, with its kernel's side.

        Args:
            role: ``lifting`` from a frame to a state, ``convolution`` between states,
                ``projection`` back to a frame, or ``ordinary``, see `Flow`.
            inputs: channels, of a state for each orientation.
            outputs: channels likewise.
        """
        return getattr(self.flow, role)(inputs, outputs, self.kernel)

    def lift(
        self, video: Video, first: int = 0, ahead: int = 0
    ) -> Float[Tensor, "time batch slots hidden height width"]:
        r"""The lifting convolution :math:`f_t \mathbin{\hat\star} U`, same in V.

        Args:
            video: frames that follow each other.
            first: the time of the first of them.
            ahead: steps of its own flow by which each slot finds them moved.

        Raises:
            UserError: the video has other axes, channels or sizes than the cell was
                built for, or another type or device than its weights.
        """
        check_lift(self, video)
        images = self.conv_u(rearrange(video, "b t c h w -> (b t) c h w"))
        lifted = rearrange(images, "(b t) c h w -> t b 1 c h w", b=len(video))
        return self.lifted_ahead(lifted, ahead)

    def lifted_ahead(
        self, lifted: Float[Tensor, "time batch slots hidden height width"], ahead: int
    ) -> Float[Tensor, "time batch slots_ahead hidden height width"]:
        """Lifted frames, moved by so many steps of each slot's own flow."""
        for _ in range(ahead):
            moved = [self.move(self.for_each_slot(frame)) for frame in lifted]
            lifted = torch.stack(moved)
        return lifted

    def for_each_slot(self, lifted: Lifted) -> State:
        """What one slot stands for, or all have, as one for each: a view."""
        return lifted.expand(-1, len(self.flow.velocities), -1, -1, -1)

    def move(self, state: State) -> State:
        r"""Every slot moved by one step of its own flow, :math:`\psi_1(\nu)\cdot`."""
        return push_forward(self.flow, state, 1, self.members)

    def moved(self, state: State, steps: int) -> State:
        r"""Every slot moved by so many steps, :math:`\psi_s(\nu)\cdot`; see `move`."""
        for _ in range(steps):
            state = self.move(state)
        return state

    def back(self, state: State, steps: int) -> State:
        r"""The state as it would be so many steps earlier, :math:`\psi_{-s}(\nu)\cdot`.

        The steps are taken from its time, too: it is one before the first frame again.
        """
        return push_forward(self.flow, state, -steps)

    def lab(self, state: State, time: int, ahead: int = 0) -> State:
        r"""The state in the lab frame, where slots can be compared and pooled.

        Args:
            state: after `time` frames.
            time: how many.
            ahead: steps of its own flow by which each slot is moved.
        """
        return self.moved(state, ahead)

    def forward_with_maximum(
        self, lifted: Lifted | None, state: State | None, time: int
    ) -> tuple[State, Pooled]:
        """The next state, see `forward`, and its maximum over V, see `lab`."""
        stepped = self(lifted, state)
        return stepped, self.lab(stepped, time).amax(1)

    def moved_maximum(self, state: State, time: int, ahead: int = 1) -> Pooled:
        """The maximum over V of the state some steps ahead, see `lab`."""
        return self.lab(state, time, ahead).amax(1)

    def moved_maxima(
        self, state: State, time: int, ahead: Sequence[int]
    ) -> list[Pooled]:
        """`moved_maximum` for each of several numbers of steps."""
        return [self.moved_maximum(state, time, steps) for steps in ahead]
