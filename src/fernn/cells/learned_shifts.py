"""The G-RNN+: the slots of a FERNN, each with a kernel of its own to learn.

Source: T. A. Keller, NeurIPS 2025, arXiv 2507.14793: G-RNN+.
"""

from __future__ import annotations

from typing import Any

from einops import rearrange
from torch import nn

from fernn.cells._base import State
from fernn.cells.flow_equivariant.plain import Activation, FlowEquivariantCell
from fernn.flows import Flow


class LearnedShiftCell(FlowEquivariantCell):
    r"""A cell whose slots are convolved in place of moved.

    A shift by up to r pixels is a convolution with a one-hot kernel of side 2r + 1.
    Here that kernel is a weight, one a slot, shared by all channels: the parameters
    and the work of a FERNN without its flow. Each kernel is drawn by itself: of side
    k its weights are normal with a standard deviation of 1/k, so that their squares
    sum to 1 on average, as those of a shift do.

    Args are those of `FlowEquivariantCell`; r is the largest speed in V.
    """

    def __init__(self, flow: Flow, *args: Any, **kwargs: Any):
        super().__init__(flow, *args, **kwargs)
        speed = max(abs(part) for velocity in flow.velocities for part in velocity)
        self.shift = nn.Conv2d(
            len(flow.velocities),
            len(flow.velocities),
            2 * speed + 1,
            padding=speed,
            padding_mode="circular",
            groups=len(flow.velocities),
            bias=False,
        )
        nn.init.normal_(self.shift.weight, std=1 / self.shift.kernel_size[0])

    def move(self, state: State) -> State:
        """Every slot convolved with its own kernel."""
        images = rearrange(state, "b v c h w -> (b c) v h w")
        moved = self.shift(images)
        return rearrange(moved, "(b c) v h w -> b v c h w", b=len(state))


def build(
    flow: Flow,
    hidden: int,
    *,
    channels: int = 1,
    kernel: int | None = None,
    activation: Activation = "tanh",
) -> LearnedShiftCell:
    """A cell with learned shifts; see `LearnedShiftCell`."""
    return LearnedShiftCell(flow, channels, hidden, kernel, activation)
