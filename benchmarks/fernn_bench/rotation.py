"""Regular convolutions, and sequences of recurrent steps, on rotations."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from statistics import median

import torch

from fernn import flows
from fernn.cells import Execution, flow_equivariant
from fernn.cells.flow_equivariant.triton import KernelConvolution
from fernn.flows._basis import Basis
from fernn.flows._regular import RegularConvolution
from fernn_bench.meters import added, interleaved, ratio
from fernn_bench.report import Row

FORMS = ("bank", "harmonic")
FRAMES: dict[str, tuple[Execution, str]] = {
    "lab": ("plain", "bank"),
    "co-moving": ("comoving", "harmonic"),
}
SPEED = 1  # V: at rest, and a step each way
FASTER, SMALLER, STEP_FASTER = 8.0, 0.5, 6.0


@dataclass(frozen=True)
class Turning:
    """What the time of a rotation's convolution depends on."""

    orientations: int
    hidden: int
    basis: Basis
    kernel: int
    frame: int = 28
    images: int = 3
    frames: int = 4

    def __str__(self) -> str:
        sides = f"{self.kernel}×{self.kernel}"
        return f"C_{self.orientations}, {self.hidden} channels, {sides} {self.basis}"


TINY = Turning(4, 2, "rings", 3, frame=7, images=1, frames=2)
PUBLISHED = (Turning(36, 32, "rings", 3), Turning(36, 32, "gauss", 5))


def convolution(size: Turning, form: str) -> Callable[[], None]:
    """A function that convolves forward and backward, with kernels at hand."""
    torch.manual_seed(0)
    sizes = size.hidden, size.hidden, size.kernel, size.orientations, size.basis
    if form == "triton":
        part = KernelConvolution(*sizes)
    else:
        part = RegularConvolution(*sizes)
        part.form = form
    kernels = part.kernels().detach().requires_grad_()
    channels = size.hidden * size.orientations
    signal = torch.rand(size.images, channels, size.frame, size.frame)
    signal.requires_grad_()
    direction = torch.rand_like(signal)

    def both() -> None:
        part.apply_kernels(signal, kernels).backward(direction)

    return both


def sequence(size: Turning, execution: Execution, form: str) -> Callable[[], None]:
    """A function that observes frames and differentiates the last state.

    Kernels are worked out once a call, as in training.
    """
    torch.manual_seed(0)
    flow = {"kind": "rotation", "orientations": size.orientations, "basis": size.basis}
    moves = flows.build({**flow, "max_speed": SPEED}, size.frame)
    cell = flow_equivariant.build(
        moves, execution=execution, hidden=size.hidden, kernel=size.kernel
    )
    assert isinstance(cell.conv_h, RegularConvolution)
    cell.conv_h.form = form
    video = torch.rand(1, size.frames, 1, size.frame, size.frame)

    def observe() -> None:
        state = None
        with flows.cached_kernels(cell):
            for lifted in cell.lift(video):
                state = cell(lifted, state)
            assert state is not None
            state.square().mean().backward()

    return observe


def rotation(quick: bool) -> Iterator[Row]:
    """The harmonic convolution of rotations, and the co-moving frame.

    `bank` convolves with the kernels of all pairs of orientations; `harmonic` is the
    same on the Fourier transform over orientations. Three images of 28×28 pixels,
    forward and backward, kernels at hand; memory is that which it adds to a fresh
    process. A sequence of recurrent steps has four frames and V = {-10, 0, 10}
    degrees/frame, and its kernels are worked out once: in the lab frame with the bank
    every slot is interpolated at every step, in the co-moving one with harmonics each
    frame once. All take turns.
    """
    rounds = 1 if quick else 3
    for size in (TINY,) if quick else PUBLISHED:
        yield from _convolutions(size, rounds)
        yield from _sequences(size, rounds)


def _convolutions(size: Turning, rounds: int) -> Iterator[Row]:
    calls = {form: convolution(size, form) for form in FORMS}
    times = interleaved(calls, rounds)
    yield Row(f"{size}: harmonic", 1e3 * median(times["harmonic"]), "ms")
    faster = ratio(times, "bank", "harmonic")
    yield Row(f"{size}: bank / harmonic", faster, "×", at_least=FASTER)
    tiny = replace(TINY, basis=size.basis, kernel=size.kernel)
    used = {
        form: added(partial(convolution, tiny, form), partial(convolution, size, form))
        for form in FORMS
    }
    yield Row(f"{size}: memory, harmonic", used["harmonic"], "MiB")
    share = used["harmonic"] / used["bank"]
    yield Row(f"{size}: memory, harmonic / bank", share, "×", at_most=SMALLER)


def _sequences(size: Turning, rounds: int) -> Iterator[Row]:
    calls = {name: sequence(size, *how) for name, how in FRAMES.items()}
    times = interleaved(calls, rounds)
    yield Row(f"{size}: steps, co-moving", 1e3 * median(times["co-moving"]), "ms")
    faster = ratio(times, "lab", "co-moving")
    name = f"{size}: steps, lab and bank / co-moving"
    yield Row(name, faster, "×", at_least=STEP_FASTER)
