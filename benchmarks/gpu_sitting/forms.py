"""Each execution and precision: how far from double precision, and how fast."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity
from torch.profiler import profile as record

from fernn import models
from fernn.devices import allow_rounding
from fernn_bench.steps import Size, bare_convolutions, floating_operations
from gpu_sitting.sizes import Sizes

# The largest relative error of predictions, by precision.
TOLERANCES = {"float32": 1e-4, "tf32": 2e-2, "bfloat16": 1e-1}


@dataclass(frozen=True)
class Form:
    """How a step is computed; the network is the same.

    Attributes:
        execution: see `fernn.cells`.
        precision: see `fernn.training.settings.Settings`.
        rollout: see `fernn.models.rollouts`.
        max_speed: of V, which is a square; 0 makes a G-RNN.
    """

    execution: str
    precision: str
    rollout: str
    max_speed: int = 2

    def __str__(self) -> str:
        network = "" if self.max_speed == 2 else f", V{self.max_speed}"
        return f"{self.execution}, {self.precision}, {self.rollout}{network}"


FORMS = (
    Form("fused", "bfloat16", "advect"),
    Form("fused", "bfloat16", "repeat"),
    Form("triton", "bfloat16", "advect"),
    Form("triton", "bfloat16", "repeat"),
    Form("fused", "tf32", "advect"),
    Form("fused", "tf32", "repeat"),
    Form("plain", "tf32", "repeat"),
    Form("fused", "float32", "repeat"),
    Form("triton", "tf32", "repeat"),
    Form("comoving", "tf32", "repeat"),
    Form("plain", "float32", "repeat"),
)


def spec(sizes: Sizes, form: Form) -> dict[str, Any]:
    """The network in a form."""
    return {
        "kind": "forecaster",
        "flow": {"kind": "translation", "max_speed": form.max_speed},
        "hidden": sizes.hidden,
        "decoder_layers": sizes.layers,
        "execution": form.execution,
        "rollout": form.rollout,
        "initial": "symmetric",
    }


def measure(
    sizes: Sizes, form: Form, device: torch.device, reference: dict[str, Any]
) -> dict[str, float]:
    """Errors against double precision, milliseconds of a step, memory, rate.

    Args:
        sizes: of the network and its batch.
        form: how it is computed.
        device: the card.
        reference: outputs in double precision by roll-out, filled here.
    """
    video = _video(sizes, device)
    if form.rollout not in reference:
        reference[form.rollout] = _outputs(sizes, form, device, video, exact=True)
    found = _outputs(sizes, form, device, video)
    errors = [
        _distance(one, other)
        for one, other in zip(found, reference[form.rollout], strict=True)
    ]
    seconds, memory = _timed(sizes, form, device, video)
    size = Size(
        sizes.frame,
        sizes.hidden,
        sizes.layers,
        sizes.batch,
        sizes.context,
        sizes.horizon if form.rollout == "repeat" else 0,
    )
    return {
        "prediction error": errors[0],
        "gradient error": errors[1],
        "ms": 1e3 * seconds,
        "sequences/s": sizes.batch / seconds,
        "TFLOP/s": _operations(size, sizes) / seconds / 1e12,
        "MiB": memory,
    }


def profile(sizes: Sizes, form: Form, device: torch.device) -> dict[str, float]:
    """Of one optimiser step: when it was launched and done, and how long kernels ran.

    Returns:
        Milliseconds until Python had launched it and until the card had done it, both
        without the profiler, the milliseconds that kernels ran, and their number.
    """
    video = _video(sizes, device)
    step = _optimiser_step(sizes, form, device, video)
    deque((step() for _ in range(3)), maxlen=0)
    started = _now(device)
    step()
    launched = time.perf_counter() - started
    done = _now(device) - started
    activities = [ProfilerActivity.CPU, ProfilerActivity.CUDA]
    with record(activities=activities) as profiler:
        step()
        _now(device)
    kernels = [
        event for event in profiler.events() or () if event.device_type.name == "CUDA"
    ]
    busy = sum(event.device_time_total for event in kernels) / 1e3
    return {
        "launched": 1e3 * launched,
        "done": 1e3 * done,
        "busy": busy,
        "kernels": len(kernels),
    }


def floor(sizes: Sizes, device: torch.device) -> dict[str, float]:
    """The bare convolutions of `repeat` in bfloat16."""
    size = Size(
        sizes.frame,
        sizes.hidden,
        sizes.layers,
        sizes.batch,
        sizes.context,
        sizes.horizon,
    )
    with torch.device(device):
        call = bare_convolutions(size, 2, torch.bfloat16)
    seconds = median(_rounds(call, sizes.rounds, device))
    rate = floating_operations(size, 2) / seconds / 1e12
    return {"ms": 1e3 * seconds, "TFLOP/s": rate}


def _operations(size: Size, sizes: Sizes) -> int:
    """Of the convolutions between hidden channels; decoders count where they are."""
    recurrent = size.context + size.horizon - 2
    images = size.batch * (25 * recurrent + sizes.horizon * size.decoder_layers)
    return 3 * images * size.frame**2 * 2 * 9 * size.hidden**2


def _video(sizes: Sizes, device: torch.device) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    shape = sizes.batch, sizes.context + sizes.horizon, 1, sizes.frame, sizes.frame
    return torch.rand(shape, generator=generator).to(device)


def _model(
    sizes: Sizes, form: Form, device: torch.device, exact: bool = False
) -> nn.Module:
    torch.manual_seed(0)
    plain = Form("plain", "float64", form.rollout) if exact else form
    model = models.build(spec(sizes, plain), sizes.frame)
    return model.to(device, torch.float64 if exact else torch.float32)


def _loss(
    model: nn.Module, sizes: Sizes, form: Form, video: Tensor
) -> tuple[Tensor, Tensor]:
    mixed = form.precision == "bfloat16" and video.dtype == torch.float32
    with torch.autocast(video.device.type, torch.bfloat16, mixed):
        predicted = model(video[:, : sizes.context], sizes.horizon)
    error = predicted.to(video.dtype) - video[:, sizes.context :]
    return error.square().mean(), predicted


def _outputs(
    sizes: Sizes, form: Form, device: torch.device, video: Tensor, exact: bool = False
) -> tuple[Tensor, Tensor]:
    """Predictions and the gradient of all weights, of two sequences."""
    allow_rounding(form.precision == "tf32" and not exact)
    model = _model(sizes, form, device, exact)
    few = video[:2].double() if exact else video[:2]
    loss, predicted = _loss(model, sizes, form, few)
    loss.backward()
    gradients = [p.grad.flatten() for p in model.parameters() if p.grad is not None]
    return predicted.detach().double(), torch.cat(gradients).double()


def _distance(one: Tensor, other: Tensor) -> float:
    return ((one - other).norm() / other.norm()).item()


def _optimiser_step(
    sizes: Sizes, form: Form, device: torch.device, video: Tensor
) -> Callable[[], None]:
    allow_rounding(form.precision == "tf32")
    model = _model(sizes, form, device)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step() -> None:
        optimiser.zero_grad()
        loss, _ = _loss(model, sizes, form, video)
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()

    return step


def _timed(
    sizes: Sizes, form: Form, device: torch.device, video: Tensor
) -> tuple[float, float]:
    """Seconds of an optimiser step, the median, and mebibytes at its peak."""
    step = _optimiser_step(sizes, form, device, video)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    seconds = median(_rounds(step, sizes.rounds, device))
    peak = torch.cuda.max_memory_allocated() if device.type == "cuda" else 0
    return seconds, peak / 2**20


def _rounds(call: Any, rounds: int, device: torch.device) -> Iterator[float]:
    """Seconds of each call, after two that warm up."""
    for turn in range(rounds + 2):
        started = _now(device)
        call()
        if turn > 1:
            yield _now(device) - started


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()
