"""The FERNN's recurrence in the lab frame, as the paper writes it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal, get_args

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from fernn.cells._checks import check_flow, check_lift, check_step
from fernn.cells._initial import Initial, begin
from fernn.flows import Flow
from fernn.velocities import whole
from labrun.errors import UserError, require_known

Role = Literal["lifting", "convolution", "projection", "ordinary"]
Activation = Literal["relu", "tanh"]
ACTIVATIONS: dict[Activation, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
}


class FlowEquivariantCell(nn.Module):
    r"""One step of a flow equivariant recurrent network, section 4 of the paper.

    .. math::
        h_{t+1}(\nu) = \sigma\bigl(\psi_1(\nu) \cdot [h_t(\nu) \star W]
                       + [f_t \mathbin{\hat\star} U](\nu)\bigr)

    The lift is the trivial one: every slot :math:`\nu` of V gets the same
    :math:`f_t \star U`. Slots share W and are not mixed (`fernn.cells.mixing` does), so
    the number of parameters does not depend on V, and V = {0} is the G-RNN. For a flow
    :math:`\hat\nu` of the input, :math:`h_t[\psi(\hat\nu) f](\nu) =
    \psi_{t-1}(\hat\nu) \cdot h_t[f](\nu - \hat\nu)` wherever :math:`\nu - \hat\nu` is
    in V. This is the reference form; `FusedCell` computes the same faster.

    Args:
        flow: V and its action.
        channels: channels of a frame.
        hidden: channels of each slot of the state.
        kernel: side of the kernels, odd; None for the flow's own.
        activation: ``relu`` or ``tanh``.
        initial: the recurrent kernel, ``random`` or ``symmetric``.

    Raises:
        UserError: no flow, an unknown activation or initial kernel, an even kernel, a
            size below one, or a flow that this cell has an objection to.
    """

    def __init__(
        self,
        flow: Flow,
        channels: int = 1,
        hidden: int = 128,
        kernel: int | None = None,
        activation: Activation = "relu",
        initial: Initial = "random",
    ):
        super().__init__()
        check_flow(flow)
        kernel = flow.kernel if kernel is None else kernel
        objection = self.objection(flow)
        if objection:
            raise UserError(objection)
        require_known("activation", activation, ACTIVATIONS)
        require_known("initial", initial, get_args(Initial))
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
        self.activation: Activation = activation
        self.channels, self.hidden, self.kernel = channels, hidden, kernel
        self.conv_u = self.layer("lifting", channels, hidden)
        self.conv_h = self.layer("convolution", hidden, hidden)
        self.initial: Initial = initial
        begin(self.conv_h, initial)

    @staticmethod
    def objection(flow: Flow) -> str | None:
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
        self,
        video: Float[Tensor, "batch time channel height width"],
        first: int = 0,
        ahead: int = 0,
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
        lifted = self.conv_u(rearrange(video, "b t c h w -> (b t) c h w"))
        drives = rearrange(lifted, "(b t) c h w -> t b 1 c h w", b=len(video))
        slots = len(self.flow.velocities)
        for _ in range(ahead):
            spread = [drive.expand(-1, slots, *3 * [-1]) for drive in drives]
            drives = torch.stack([self.move(drive) for drive in spread])
        return drives

    def forward(
        self,
        drive: Float[Tensor, "batch slots hidden height width"] | None,
        state: Float[Tensor, "batch velocity hidden height width"] | None,
    ) -> Float[Tensor, "batch velocity hidden height width"]:
        """The next state from the lifted input and the state.

        Args:
            drive: the lifted input, one for all slots or one for each; None is zero.
            state: None is the zero state, the only constant the flow leaves alone.

        Raises:
            UserError: one of them has other axes or sizes than the cell's, another type
                or device than its weights, or both are None.
        """
        check_step(self, drive, state)
        if state is None:
            assert drive is not None
            return self._activate(drive).expand(
                -1, len(self.flow.velocities), *3 * [-1]
            )
        moved = self.move(self.convolve(state))
        return self._activate(moved if drive is None else moved + drive)

    def convolve(
        self, state: Float[Tensor, "batch velocity hidden height width"]
    ) -> Float[Tensor, "batch velocity hidden height width"]:
        r"""The flow convolution :math:`h_t \star W`: here, each slot by itself."""
        images = self.conv_h(rearrange(state, "b v c h w -> (b v) c h w"))
        return rearrange(images, "(b v) c h w -> b v c h w", b=len(state))

    def lab(
        self,
        state: Float[Tensor, "batch velocity hidden height width"],
        time: int,
        ahead: int = 0,
    ) -> Float[Tensor, "batch velocity hidden height width"]:
        r"""The state in the lab frame, where slots can be compared and pooled.

        Args:
            state: after `time` frames.
            time: how many.
            ahead: steps of its own flow by which each slot is moved on.
        """
        for _ in range(ahead):
            state = self.move(state)
        return state

    def move(
        self, state: Float[Tensor, "batch velocity hidden height width"]
    ) -> Float[Tensor, "batch velocity hidden height width"]:
        r"""Every slot moved by one step of its own flow, :math:`\psi_1(\nu)\cdot`."""
        pairs = zip(state.unbind(1), self.flow.velocities, strict=True)
        moved = [self.flow.act_on_state(slot, nu) for slot, nu in pairs]
        return torch.stack(moved, dim=1)

    def forward_with_maximum(
        self,
        drive: Float[Tensor, "batch slots hidden height width"] | None,
        state: Float[Tensor, "batch velocity hidden height width"] | None,
        time: int,
    ) -> tuple[
        Float[Tensor, "batch velocity hidden height width"],
        Float[Tensor, "batch hidden height width"],
    ]:
        """The next state, see `forward`, and its maximum over V, see `lab`."""
        stepped = self(drive, state)
        return stepped, self.lab(stepped, time).amax(1)

    def moved_maximum(
        self,
        state: Float[Tensor, "batch velocity hidden height width"],
        time: int,
        ahead: int = 1,
    ) -> Float[Tensor, "batch hidden height width"]:
        """The maximum over V of the state some steps ahead, see `lab`."""
        return self.lab(state, time, ahead).amax(1)

    def moved_maxima(
        self,
        state: Float[Tensor, "batch velocity hidden height width"],
        time: int,
        ahead: Sequence[int],
    ) -> list[Float[Tensor, "batch hidden height width"]]:
        """`moved_maximum` for each of several numbers of steps."""
        return [self.moved_maximum(state, time, steps) for steps in ahead]

    def _activate(self, signal: Tensor) -> Tensor:
        return ACTIVATIONS[self.activation](signal)
