"""Convolution and movement on the torus, each with one gather ahead and one back."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from fernn.cells._direct import Direct
from fernn.cells._gather import channels_third, gather, pixels_last, sources
from fernn.flows import Frame


class TorusConv2d(nn.Conv2d):
    """A circular convolution without bias; border and all in one gather.

    The library's own copies the border once for each side, and adds it up again.

    Args:
        channels: of the input.
        hidden: channels of the output.
        kernel: its side, odd.
        frame: height and width, pixels.
    """

    table: Tensor

    def __init__(self, channels: int, hidden: int, kernel: int, frame: Frame):
        super().__init__(channels, hidden, kernel, bias=False)
        table = sources([(0, 0)], frame, kernel // 2)
        self.register_buffer("table", table, persistent=False)

    def forward(
        self, input: Float[Tensor, "batch channel height width"]
    ) -> Float[Tensor, "batch hidden height width"]:
        """The convolution, channels last in memory."""
        convolution = Direct(self.table, self.table)
        signal = pixels_last(input[:, None])
        return channels_third(_Convolve.apply(signal, self.weight, convolution))[:, 0]


class _Convolve(torch.autograd.Function):
    @staticmethod
    def forward(ctx, signal, weight, convolution):
        ctx.save_for_backward(signal, weight)
        ctx.convolution = convolution
        return convolution.forward(signal, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        signal, weight = ctx.saved_tensors
        gradient, to_signal = gradient.contiguous(), None
        if ctx.needs_input_grad[0]:  # a frame has none
            to_signal = ctx.convolution.backward(gradient, weight)
        to_weight = ctx.convolution.weight_gradient(signal, gradient, weight)
        return to_signal, to_weight, None


class Move(torch.autograd.Function):
    """Rows of a state read by a table of `sources`; read back for the gradient.

    A state with one slot is read by every velocity, and gets the sum of the gradients.
    """

    @staticmethod
    def forward(
        ctx,
        state: Float[Tensor, "batch slot height width hidden"],
        there: Int[Tensor, " rows"],
        back: Int[Tensor, " rows"],
        slots: int,
    ) -> Float[Tensor, "batch velocity height width hidden"]:
        """`back` has the opposite velocities; no table has a margin."""
        ctx.back, ctx.shared = back, state.shape[1] < slots
        return gather(state, there, slots)

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        moved = gather(gradient.contiguous(), ctx.back, gradient.shape[1])
        return moved.sum(1, keepdim=True) if ctx.shared else moved, None, None, None
