"""The same recurrence in the frames that move with the slots."""

from __future__ import annotations

from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from fernn.cells._base import State, Video
from fernn.cells._checks import check_lift
from fernn.cells.flow_equivariant.plain import FlowEquivariantCell
from fernn.flows import Flow, pull_back, push_forward


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
    STACKED = ("hidden", "channels", "members")

    @classmethod
    def objection(cls, flow: Flow) -> str | None:
        """None: every flow has its frame."""
        return None

    def lift(
        self, video: Video, first: int = 0, ahead: int = 0
    ) -> Float[Tensor, "time batch velocity hidden height width"]:
        """See `Cell.lift`; every slot has its own."""
        check_lift(self, video)
        moved = pull_back(self.flow, video, first - ahead)
        frames = rearrange(moved, "b v t c h w -> (t b v) c h w")
        sizes = {"b": len(video), "v": len(self.flow.velocities)}
        return rearrange(self.conv_u(frames), "(t b v) c h w -> t b v c h w", **sizes)

    def lab(self, state: State, time: int, ahead: int = 0) -> State:
        """See `Cell.lab`."""
        return push_forward(self.flow, state, time - 1 + ahead, self.members)

    def move(self, state: State) -> State:
        """The state as it is: its frame moves instead."""
        return state


build = ComovingCell
