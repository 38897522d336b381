"""The fused step for GPUs: one Triton kernel moves, convolves, adds and rectifies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from fernn.cells._direct import Direct
from fernn.cells._gather import opposite
from fernn.cells._step import Convolution
from fernn.cells.fused import FusedCell
from fernn.flows import Flow
from fernn.flows._kernels import computed, require
from fernn.flows.translation import Translation

State = Float[Tensor, "batch velocity height width hidden"]


@dataclass(frozen=True)
class Implicit(Convolution):
    """The convolution as a matrix product whose rows are gathered on the way.

    The gradient of the weight is the library's, of a state that is moved and padded.

    Attributes:
        ahead: offsets of V, see `fernn.cells._implicit.convolve`.
        back: those of the opposite velocities.
        direct: for the gradient of the weight.
    """

    ahead: Int[Tensor, "velocity 2"]
    back: Int[Tensor, "velocity 2"]
    direct: Direct

    def forward(self, state: State, weight: Tensor) -> State:
        """Every slot moved by its velocity and convolved."""
        from fernn.cells._implicit import convolve

        return convolve(computed(state), weight, self.ahead)

    def step(
        self, state: State, weight: Tensor, drive: Tensor | None, activation: str
    ) -> State:
        """The next state in one pass; only ReLU is part of it."""
        from fernn.cells._implicit import convolve

        rectify = activation == "relu"
        stepped = convolve(computed(state), weight, self.ahead, drive, rectify)
        return stepped if rectify else stepped.tanh_()

    def backward(self, gradient: State, weight: Tensor) -> State:
        """The gradient of the state: the same with all turned round."""
        from fernn.cells._implicit import convolve

        turned = weight.flip(-2, -1).transpose(0, 1)
        return convolve(gradient, turned, self.back)

    def weight_gradient(self, state: State, gradient: State, weight: Tensor) -> Tensor:
        """The gradient of the weight."""
        return self.direct.weight_gradient(state, gradient, weight)


class TritonCell(FusedCell):
    """`FusedCell` whose step is one kernel, for NVIDIA and AMD GPUs.

    Args are those of `FlowEquivariantCell`.

    Raises:
        UserError: the flow is not a translation; or, when it computes, the package
            triton or a GPU is missing.
    """

    starts: Tensor
    starts_back: Tensor

    def __init__(self, flow: Flow, *args: Any, **kwargs: Any):
        super().__init__(flow, *args, **kwargs)
        assert isinstance(flow, Translation)
        for name, velocities in (
            ("starts", flow.velocities),
            ("starts_back", opposite(flow.velocities)),
        ):
            table = torch.tensor(velocities) + self.kernel // 2
            table %= torch.tensor(flow.frame)
            self.register_buffer(name, table.to(torch.int32), persistent=False)

    def convolution(self, state: State) -> Convolution:
        """See `FusedCell.convolution`; without data the library's, to count its work.

        Raises:
            UserError: see `TritonCell`.
        """
        direct = Direct(self.ahead, self.back)
        if state.device.type == "meta":
            return direct
        require(state.device, "fused")
        return Implicit(self.starts, self.starts_back, direct)
