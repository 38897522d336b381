"""The same recurrence in the frames that move with the slots."""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from fernn.cells._base import State, Video
from fernn.cells._checks import check_lift
from fernn.cells.flow_equivariant.plain import FlowEquivariantCell
from fernn.flows import Flow


class ComovingCell(FlowEquivariantCell):
    r"""`FlowEquivariantCell` with each slot in the frame of its own flow.

    .. math::
        g_{t+1}(\nu) = \sigma\bigl(g_t(\nu) \star W
                       + \psi_{-t}(\nu) f_t \star U\bigr),
        \qquad h_t(\nu) = \psi_{t-1}(\nu) \cdot g_t(\nu)

    That is the same network (the time-parameterised lift of the paper's appendix):
    frames are moved against the flow, the state not at all before it is read. Where the
    action interpolates, a frame is interpolated once, instead of once for every step
    that it is remembered, and any velocity is allowed.

    Args are those of `FlowEquivariantCell`.
    """

    orders = ("convolve_first",)

    @classmethod
    def objection(cls, flow: Flow) -> str | None:
        """None: every flow has its frame."""
        return None

    def lift(
        self, video: Video, first: int = 0, ahead: int = 0
    ) -> Float[Tensor, "time batch velocity hidden height width"]:
        """See `Cell.lift`; every slot has its own."""
        check_lift(self, video)
        flow, size = self.flow, len(video)
        moved = [
            torch.stack(
                [flow.act(frame, nu, ahead - first - t) for nu in flow.velocities]
            )
            for t, frame in enumerate(video.unbind(1))
        ]
        frames = rearrange(torch.stack(moved), "t v b c h w -> (t b v) c h w")
        return rearrange(
            self.conv_u(frames), "(t b v) c h w -> t b v c h w", t=len(moved), b=size
        )

    def lab(self, state: State, time: int, ahead: int = 0) -> State:
        """See `Cell.lab`."""
        steps = time - 1 + ahead
        pairs = zip(state.unbind(1), self.flow.velocities, strict=True)
        moved = [self.flow.act_on_state(slot, nu, steps) for slot, nu in pairs]
        return torch.stack(moved, dim=1)

    def move(self, state: State) -> State:
        """The state as it is: its frame moves instead."""
        return state


build = ComovingCell
