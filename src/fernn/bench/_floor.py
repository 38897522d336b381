"""What a step cannot do without in direct form: its convolutions, and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from fernn.bench._step import Size
from fernn.cells.flow_equivariant._step import kernel_gradient

GEMM = 1024  # side of the matrices


def bare_convolutions(
    size: Size, max_speed: int, dtype: torch.dtype = torch.float32
) -> Callable[[], None]:
    """A function that does the 3×3 convolutions between hidden channels of a step.

    The first frame has no state to convolve and the second the same one in all slots.
    """
    counts, images = _convolutions(size, max_speed)
    operands = [_operands(size, number, dtype) for number in images]

    def convolutions() -> None:
        for count, tensors in zip(counts, operands, strict=True):
            for _ in range(count):
                _forward_and_backward(*tensors)

    return convolutions


def floating_operations(size: Size, max_speed: int) -> int:
    """Multiplications and additions of `bare_convolutions`."""
    pairs = zip(*_convolutions(size, max_speed), strict=True)
    images = sum(count * number for count, number in pairs)
    return 3 * images * size.frame**2 * 2 * 9 * size.hidden**2


def _convolutions(size: Size, max_speed: int) -> tuple[list[int], list[int]]:
    """How many there are, and each one's images: of states, of decoders."""
    steps = size.context + size.horizon - 2
    slots = (2 * max_speed + 1) ** 2
    counts = [steps, size.horizon * size.decoder_layers]
    return counts, [size.batch * slots, size.batch]


def _operands(
    size: Size, images: int, dtype: torch.dtype
) -> tuple[Tensor, Tensor, Tensor]:
    """Padded images, the gradient of what is computed, and the kernel."""
    padded, side, hidden = size.frame + 2, size.frame, size.hidden
    shapes = (
        (images, hidden, padded, padded),
        (images, hidden, side, side),
        (hidden, hidden, 3, 3),
    )
    first, second, third = (
        torch.rand(shape, dtype=dtype).contiguous(memory_format=torch.channels_last)
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
