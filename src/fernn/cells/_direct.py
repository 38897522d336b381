"""The convolution of all slots, shifted, by one gather and the library's kernel."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from fernn.cells._gather import gather, images, slots_of
from fernn.cells._step import Convolution

State = Float[Tensor, "batch velocity height width _"]


@dataclass(frozen=True)
class Direct(Convolution):
    """Shift and circular padding in one gather, then a convolution without padding.

    Attributes:
        ahead: table of `sources` with the velocities of V and the kernel's margin.
        back: the same for the opposite velocities.
    """

    ahead: Int[Tensor, " rows"]
    back: Int[Tensor, " rows"]

    def forward(self, state: State, weight: Tensor) -> State:
        """Every slot moved by its velocity and convolved."""
        return _convolve(_padded(state, self.ahead, weight), weight)

    def backward(self, gradient: State, weight: Tensor) -> State:
        """The gradient of the state: the same with all turned round."""
        turned = weight.flip(-2, -1).transpose(0, 1)
        return _convolve(_padded(gradient, self.back, weight), turned)

    def weight_gradient(self, state: State, gradient: State, weight: Tensor) -> Tensor:
        """The gradient of the weight; of `weight` only the shape is read."""
        padded = images(_padded(state, self.ahead, weight))
        return kernel_gradient(images(gradient), padded, weight)


def _padded(
    state: State, table: Tensor, weight: Tensor
) -> Float[Tensor, "batch velocity tall wide _"]:
    return gather(state, table, state.shape[1], weight.shape[-1] // 2)


def _convolve(
    padded: Float[Tensor, "batch velocity tall wide hidden"], weight: Tensor
) -> State:
    weight = weight.to(padded.dtype, memory_format=torch.channels_last)
    return slots_of(F.conv2d(images(padded), weight), len(padded))


def kernel_gradient(gradient: Tensor, padded: Tensor, weight: Tensor) -> Tensor:
    """The gradient of the weight of a convolution without padding.

    In mixed precision state and gradient have half of the weight's digits, or only one.
    """
    computed = torch.promote_types(gradient.dtype, padded.dtype)
    found = torch.ops.aten.convolution_backward(
        gradient.to(computed), padded.to(computed), weight.to(computed), None,
        [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [False, True, False],
    )[1]  # fmt: skip
    return found.to(weight.dtype)
