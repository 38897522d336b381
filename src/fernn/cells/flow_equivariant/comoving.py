"""The same recurrence in the frames that move with the slots."""

from __future__ import annotations

from types import ModuleType

from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from fernn.cells._base import Role, State, Video
from fernn.cells._checks import check_lift
from fernn.cells.flow_equivariant._trust import kernels_for, trusted
from fernn.cells.flow_equivariant.plain import FlowEquivariantCell
from fernn.flows import Flow, pull_back, push_forward
from fernn.flows._numerics import autocast
from fernn.flows._regular import RegularConvolution
from fernn.flows.rotation import Rotation


class GuardedConvolution(RegularConvolution):
    """`RegularConvolution`, on a GPU by Triton kernels where they are right."""

    STACKED = ("members",)

    def by_harmonics(self, signal: Tensor, mixing: Tensor) -> Tensor:
        """See `RegularConvolution.by_harmonics`."""
        kernels = kernels_for(signal)
        if kernels is None or not self._trusts(kernels, signal, mixing):
            return super().by_harmonics(signal, mixing)
        return kernels.harmonic_convolution(signal, mixing, self.tables)

    def _trusts(self, kernels: ModuleType, signal: Tensor, mixing: Tensor) -> bool:
        """Whether the kernels give, for such a signal, what torch gives."""
        return trusted(
            "convolutions of orientations",
            lambda *factors: kernels.harmonic_convolution(*factors, self.tables),
            super().by_harmonics,
            autocast(signal),
            (self.orientations, self.basis, self.kernel),
            weights=[autocast(mixing)],
        )


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

    Attributes:
        group_convolution: makes the convolution of a rotation's orientations.
    """

    group_convolution: type[RegularConvolution] = GuardedConvolution
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

    def back(self, state: State, steps: int) -> State:
        """The state as it is: its time goes back."""
        return state

    def move(self, state: State) -> State:
        """The state as it is: its frame moves instead."""
        return state

    def layer(self, role: Role, inputs: int, outputs: int) -> nn.Module:
        """See `Cell.layer`."""
        flow = self.flow
        if role == "convolution" and isinstance(flow, Rotation):
            group = self.kernel, flow.fibre, flow.basis
            initial = flow.initial_weights
            return self.group_convolution(inputs, outputs, *group, initial=initial)
        return super().layer(role, inputs, outputs)


build = ComovingCell
