"""The FERNN's recurrence in the lab frame, as the paper writes it."""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from fernn.errors import UserError, nearest
from fernn.flows import Flow

ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh}


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
        kernel: side of the kernels, odd.
        activation: ``relu`` or ``tanh``.

    Raises:
        UserError: an unknown activation, an even kernel, or a size below one.
    """

    def __init__(
        self,
        flow: Flow,
        channels: int = 1,
        hidden: int = 128,
        kernel: int = 3,
        activation: str = "relu",
    ):
        super().__init__()
        if activation not in ACTIVATIONS:
            hint = nearest(activation, ACTIVATIONS)
            raise UserError(f"no activation {activation!r}; {hint}")
        if min(channels, hidden, kernel) < 1 or kernel % 2 == 0:
            raise UserError(
                "channels and hidden must be positive and the kernel odd,"
                f" got {channels}, {hidden} and {kernel}"
            )
        self.flow = flow
        self.activation = activation
        self.conv_u = self.circular(channels, hidden, kernel)
        self.conv_h = self.circular(hidden, hidden, kernel)

    def circular(self, channels: int, hidden: int, kernel: int) -> nn.Conv2d:
        """A convolution on the torus, without bias, that keeps height and width."""
        return nn.Conv2d(
            channels,
            hidden,
            kernel,
            padding=kernel // 2,
            padding_mode="circular",
            bias=False,
        )

    def lift(
        self, frame: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch 1 hidden height width"]:
        r"""The lifting convolution :math:`f_t \mathbin{\hat\star} U`, same in V."""
        return self.conv_u(frame)[:, None]

    def forward(
        self,
        drive: Float[Tensor, "batch slots hidden height width"] | None,
        state: Float[Tensor, "batch velocity hidden height width"] | None,
    ) -> Float[Tensor, "batch velocity hidden height width"]:
        """The next state from the lifted input and the state.

        Args:
            drive: the lifted input, one for all slots or one for each; None is zero.
            state: None is the zero state, the only constant the flow leaves alone.
        """
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

    def move(
        self, state: Float[Tensor, "batch velocity hidden height width"]
    ) -> Float[Tensor, "batch velocity hidden height width"]:
        r"""Every slot moved by one step of its own flow, :math:`\psi_1(\nu)\cdot`."""
        pairs = zip(state.unbind(1), self.flow.velocities, strict=True)
        return torch.stack([self.flow.act(slot, nu) for slot, nu in pairs], dim=1)

    def forward_with_maximum(
        self,
        drive: Float[Tensor, "batch slots hidden height width"] | None,
        state: Float[Tensor, "batch velocity hidden height width"] | None,
    ) -> tuple[
        Float[Tensor, "batch velocity hidden height width"],
        Float[Tensor, "batch hidden height width"],
    ]:
        """The next state, see `forward`, and its maximum over V."""
        stepped = self(drive, state)
        return stepped, stepped.amax(1)

    def moved_maximum(
        self, state: Float[Tensor, "batch velocity hidden height width"]
    ) -> Float[Tensor, "batch hidden height width"]:
        """The maximum over V of the state moved by `move`."""
        return self.move(state).amax(1)

    def _activate(self, signal: Tensor) -> Tensor:
        return ACTIVATIONS[self.activation](signal)
