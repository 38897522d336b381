"""What a step cannot do without in direct form: its convolutions, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from fernn.bench._step import Size
from fernn.cells._direct import kernel_gradient

GEMM = 1024  # side of the matrices


def bare_convolutions(size: Size, max_speed: int) -> Callable[[], None]:
    """A function that does the 3×3 convolutions between hidden channels of a step.

    The first frame has no state to convolve and the second the same one in all slots.
    """
    steps = size.context + size.horizon - 2
    slots = (2 * max_speed + 1) ** 2
    state = _operands(size, size.batch * slots)
    decoded = _operands(size, size.batch)

    def convolutions() -> None:
        for _ in range(steps):
            _forward_and_backward(*state)
        for _ in range(size.horizon * size.decoder_layers):
            _forward_and_backward(*decoded)

    return convolutions


def _operands(size: Size, images: int) -> tuple[Tensor, Tensor, Tensor]:
    """Padded images, the gradient of what is computed, and the kernel."""
    padded, side, hidden = size.frame + 2, size.frame, size.hidden
    shapes = (
        (images, hidden, padded, padded),
        (images, hidden, side, side),
        (hidden, hidden, 3, 3),
    )
    first, second, third = (
        torch.rand(shape).contiguous(memory_format=torch.channels_last)
        for shape in shapes
    )
    return first, second, third


def _forward_and_backward(padded: Tensor, gradient: Tensor, weight: Tensor) -> None:
    """The gradient of the input is a convolution like the one forward."""
    F.conv2d(padded, weight)
    F.conv2d(padded, weight)
    kernel_gradient(gradient, padded, weight)


def product() -> Callable[[], None]:
    """A function that multiplies two square matrices of side `GEMM`."""
    left, right = torch.rand(2, GEMM, GEMM)

    def multiply() -> None:
        torch.mm(left, right)

    return multiply
