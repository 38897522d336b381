"""Training steps at fixed sizes, in three forms, and the convolutions in them."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fernn.cells.flow_equivariant._step import kernel_gradient
from fernn.models.forecaster import build
from fernn_bench.naive import NaiveForecaster

FORMS = ("auto", "plain", "naive")
GEMM = 1024  # side of the matrices of `product`
LABELS = {0: "G-RNN (V0)", 1: "FERNN-V1", 2: "FERNN-V2"}


@dataclass(frozen=True)
class Size:
    """The sizes a step's time depends on, apart from V."""

    frame: int
    hidden: int
    decoder_layers: int
    batch: int
    context: int
    horizon: int

    def __str__(self) -> str:
        return f"{self.frame}×{self.frame}, hidden {self.hidden}, batch {self.batch}"


TINY = Size(frame=7, hidden=2, decoder_layers=1, batch=2, context=2, horizon=2)
DEMO = Size(frame=12, hidden=8, decoder_layers=1, batch=8, context=5, horizon=5)
LARGER = Size(frame=28, hidden=32, decoder_layers=4, batch=4, context=10, horizon=10)
WIDE = replace(LARGER, hidden=64)
PUBLISHED = replace(LARGER, hidden=128, batch=2)  # in a batch that fits a processor


def forecaster(size: Size, max_speed: int, form: str) -> nn.Module:
    """A forecaster with V a square; equal weights in every form.

    Args:
        size: of the model and its frames.
        max_speed: of V.
        form: ``naive``, an execution, or ``segments``: `auto` with checkpoints.
    """
    torch.manual_seed(0)
    execution: Any = {"naive": "plain", "segments": "auto"}.get(form, form)
    model = build(
        size.frame,
        flow={"kind": "translation", "max_speed": max_speed},
        hidden=size.hidden,
        decoder_layers=size.decoder_layers,
        rollout="repeat",
        execution=execution,
        checkpoint="segments" if form == "segments" else "none",
    )
    return NaiveForecaster(model) if form == "naive" else model


def prediction(size: Size, max_speed: int, form: str) -> Callable[[], None]:
    """A function that predicts all frames one by one, without gradients."""
    model: Any = forecaster(size, max_speed, form)
    video = torch.rand(size.batch, size.context, 1, size.frame, size.frame)

    @torch.no_grad()
    def predict() -> None:
        deque(model.predict(video, size.horizon), maxlen=0)

    return predict


def optimiser_step(
    size: Size, max_speed: int, form: str, precision: str = "float32"
) -> Callable[[], None]:
    """A function that makes one optimiser step on random frames.

    Args:
        size: of the model and its frames.
        max_speed: of V.
        form: see `forecaster`.
        precision: ``bfloat16`` is mixed; others are for a GPU to know.
    """
    model = forecaster(size, max_speed, form)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    video = torch.rand(
        size.batch, size.context + size.horizon, 1, size.frame, size.frame
    )
    mixed = precision == "bfloat16"

    def step() -> None:
        optimiser.zero_grad()
        with torch.autocast(video.device.type, torch.bfloat16, mixed):
            predicted = model(video[:, : size.context], size.horizon)
        loss = (predicted - video[:, size.context :]).square().mean()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()

    return step


def bare_convolutions(
    size: Size, max_speed: int, dtype: torch.dtype = torch.float32
) -> Callable[[], None]:
    """A function that does the 3×3 convolutions between hidden channels of a step.

    A step in direct form cannot do without them. The first frame has no state to
    convolve and the second the same one in all slots.
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
