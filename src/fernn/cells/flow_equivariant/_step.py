"""One step of all slots and a convolution on the torus, with gradients of their own."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from fernn.cells.flow_equivariant._gather import (
    ChannelsLast,
    Table,
    cache_chunks,
    channels_last,
    channels_third,
    gather,
    images,
    slots_of,
    sources,
    winners,
)
from fernn.flows import Frame

SELU = 1.6732632423543772, 1.0507009873554805  # α, λ
GRADIENTS = {  # (gradient of the output, output) -> gradient of the input
    "relu": lambda gradient, output, out: torch.ops.aten.threshold_backward.grad_input(
        gradient, output, 0, grad_input=out
    ),
    "tanh": lambda gradient, output, out: torch.ops.aten.tanh_backward.grad_input(
        gradient, output, grad_input=out
    ),
    "selu": lambda gradient, output, out: torch.ops.aten.elu_backward.grad_input(
        gradient, *SELU, 1, True, output, grad_input=out
    ),
}
IN_PLACE = {"relu": torch.relu_, "tanh": torch.tanh_, "selu": torch.selu_}


class Convolution(ABC):
    """How the slots are moved and convolved."""

    @abstractmethod
    def forward(self, state: ChannelsLast, weight: Tensor) -> ChannelsLast:
        """Every slot moved by its velocity and convolved; a new tensor."""

    @abstractmethod
    def backward(self, gradient: ChannelsLast, weight: Tensor) -> ChannelsLast:
        """The gradient of the state."""

    @abstractmethod
    def weight_gradient(
        self, state: ChannelsLast, gradient: ChannelsLast, weight: Tensor
    ) -> Tensor:
        """The gradient of the weight; of `weight` only shape and type are read."""

    def step(
        self,
        state: ChannelsLast,
        weight: Tensor,
        lifted: Tensor | None,
        activation: str,
    ) -> ChannelsLast:
        """The next state; one that can do it all in one pass does."""
        stepped = self.forward(state, weight)
        if lifted is not None:
            stepped += lifted
        return IN_PLACE[activation](stepped)


@dataclass(frozen=True)
class DirectConvolution(Convolution):
    """Shift and circular padding in one gather, then a convolution without padding.

    Attributes:
        shift_pad: table of `sources` with the velocities of V and the kernel's margin.
        unshift_pad: the same for the opposite velocities.
        groups: of channels that do not meet, as of models that are trained together.
    """

    shift_pad: Table
    unshift_pad: Table
    groups: int = 1

    def forward(self, state: ChannelsLast, weight: Tensor) -> ChannelsLast:
        """See `Convolution.forward`."""
        return _convolve(_padded(state, self.shift_pad, weight), weight, self.groups)

    def backward(self, gradient: ChannelsLast, weight: Tensor) -> ChannelsLast:
        """See `Convolution.backward`: the same with all turned round."""
        by_group = weight.flip(-2, -1).unflatten(0, (self.groups, -1))
        turned = by_group.transpose(1, 2).flatten(0, 1)
        padded = _padded(gradient, self.unshift_pad, weight)
        return _convolve(padded, turned, self.groups)

    def weight_gradient(
        self, state: ChannelsLast, gradient: ChannelsLast, weight: Tensor
    ) -> Tensor:
        """See `Convolution.weight_gradient`."""
        padded = images(_padded(state, self.shift_pad, weight))
        return kernel_gradient(images(gradient), padded, weight, self.groups)


def _padded(
    state: ChannelsLast, table: Table, weight: Tensor
) -> Float[Tensor, "batch velocity tall wide _"]:
    return gather(state, table, state.shape[1], weight.shape[-1] // 2)


def _convolve(padded: ChannelsLast, weight: Tensor, groups: int) -> Tensor:
    weight = weight.to(padded.dtype, memory_format=torch.channels_last)
    return slots_of(F.conv2d(images(padded), weight, groups=groups), len(padded))


def kernel_gradient(
    gradient: Tensor, padded: Tensor, weight: Tensor, groups: int = 1
) -> Tensor:
    """The gradient of the weight of a convolution without padding.

    In mixed precision state and gradient have half of the weight's digits, or only one.
    """
    computed = torch.promote_types(gradient.dtype, padded.dtype)
    found = torch.ops.aten.convolution_backward(
        gradient.to(computed), padded.to(computed), weight.to(computed), None,
        [1, 1], [0, 0], [1, 1], False, [0, 0], groups, [False, True, False],
    )[1]  # fmt: skip
    return found.to(weight.dtype)


class Step(torch.autograd.Function):
    """One step; saves the state and the next state, nothing in between.

    The gradients that reach the next state from the step after it and from the maximum
    meet here, a few samples at a time, and are never arrays of their own.
    """

    @staticmethod
    def forward(ctx, state, lifted, weight, convolution, activation, pool):
        """The next state and, if `pool`, its maximum over V."""
        stepped = convolution.step(state, weight, lifted, activation)
        maximum = stepped.amax(1) if pool else None
        ctx.save_for_backward(state, stepped, maximum, weight)
        ctx.set_materialize_grads(False)
        ctx.convolution, ctx.activation = convolution, activation
        ctx.lifted_slots = 0 if lifted is None else lifted.shape[1]
        return stepped, maximum

    @staticmethod
    @once_differentiable
    def backward(ctx, to_stepped, to_maximum):
        if to_stepped is None and to_maximum is None:
            return 6 * (None,)
        state, stepped, maximum, weight = ctx.saved_tensors
        gradient = torch.empty_like(stepped)
        to_lifted = torch.empty_like(stepped[:, :1]) if ctx.lifted_slots == 1 else None
        activated = GRADIENTS[ctx.activation]
        for chunk in cache_chunks(stepped):
            incoming = None if to_stepped is None else to_stepped[chunk]
            if to_maximum is not None:
                won, share = winners(stepped[chunk], maximum[chunk], to_maximum[chunk])
                incoming = (
                    won.mul_(share)
                    if incoming is None
                    else torch.addcmul(incoming, won, share, out=won)
                )
            activated(incoming, stepped[chunk], gradient[chunk])
            if to_lifted is not None:
                torch.sum(gradient[chunk], 1, keepdim=True, out=to_lifted[chunk])
        to_weight = ctx.convolution.weight_gradient(state, gradient, weight)
        to_state = ctx.convolution.backward(gradient, weight)
        if ctx.lifted_slots > 1:
            to_lifted = gradient
        return to_state, to_lifted, to_weight, None, None, None


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
        convolution = DirectConvolution(self.table, self.table, self.groups)
        signal = channels_last(input[:, None])
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
