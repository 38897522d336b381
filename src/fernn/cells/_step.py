"""One step of all slots, and the maximum over them, with a gradient of its own."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from fernn.cells._maximum import parts, winners

State = Float[Tensor, "batch velocity height width hidden"]
Pooled = Float[Tensor, "batch height width hidden"]
GRADIENTS = {  # (gradient of the output, output) -> gradient of the input
    "relu": lambda gradient, output, out: torch.ops.aten.threshold_backward.grad_input(
        gradient, output, 0, grad_input=out
    ),
    "tanh": lambda gradient, output, out: torch.ops.aten.tanh_backward.grad_input(
        gradient, output, grad_input=out
    ),
}


class Convolution(ABC):
    """How the slots are moved and convolved."""

    @abstractmethod
    def forward(self, state: State, weight: Tensor) -> State:
        """Every slot moved by its velocity and convolved; a new tensor."""

    @abstractmethod
    def backward(self, gradient: State, weight: Tensor) -> State:
        """The gradient of the state."""

    @abstractmethod
    def weight_gradient(self, state: State, gradient: State, weight: Tensor) -> Tensor:
        """The gradient of the weight."""

    def step(
        self, state: State, weight: Tensor, drive: Tensor | None, activation: str
    ) -> State:
        """The next state; one that can do it all in one pass does."""
        stepped = self.forward(state, weight)
        if drive is not None:
            stepped += drive
        return stepped.relu_() if activation == "relu" else stepped.tanh_()


class Step(torch.autograd.Function):
    """One step; saves the state and the next state, nothing in between.

    The gradients that reach the next state from the step after it and from the maximum
    meet here, a few samples at a time, and are never arrays of their own.
    """

    @staticmethod
    def forward(ctx, state, drive, weight, convolution, activation, pool):
        """The next state and, if `pool`, its maximum over V."""
        stepped = convolution.step(state, weight, drive, activation)
        maximum = stepped.amax(1) if pool else None
        ctx.save_for_backward(state, stepped, maximum, weight)
        ctx.set_materialize_grads(False)
        ctx.convolution, ctx.activation = convolution, activation
        ctx.drive_slots = 0 if drive is None else drive.shape[1]
        return stepped, maximum

    @staticmethod
    @once_differentiable
    def backward(ctx, to_stepped, to_maximum):
        if to_stepped is None and to_maximum is None:
            return 6 * (None,)
        state, stepped, maximum, weight = ctx.saved_tensors
        gradient = torch.empty_like(stepped)
        to_drive = torch.empty_like(stepped[:, :1]) if ctx.drive_slots == 1 else None
        activated = GRADIENTS[ctx.activation]
        for part in parts(stepped):
            incoming = None if to_stepped is None else to_stepped[part]
            if to_maximum is not None:
                won, share = winners(stepped[part], maximum[part], to_maximum[part])
                incoming = (
                    won.mul_(share)
                    if incoming is None
                    else torch.addcmul(incoming, won, share, out=won)
                )
            activated(incoming, stepped[part], gradient[part])
            if to_drive is not None:
                torch.sum(gradient[part], 1, keepdim=True, out=to_drive[part])
        to_weight = ctx.convolution.weight_gradient(state, gradient, weight)
        to_state = ctx.convolution.backward(gradient, weight)
        if ctx.drive_slots > 1:
            to_drive = gradient
        return to_state, to_drive, to_weight, None, None, None
