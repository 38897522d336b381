"""Regular convolutions, and sequences of recurrent steps, on rotations."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch

from fernn import cells, flows
from fernn.allocator import keep_freed_memory
from fernn.bench._peak import peak
from fernn.flows._basis import Basis
from fernn.flows._regular import RegularConvolution

FORMS = ("bank", "harmonic")
SPEED = 1  # V: at rest, and a step each way


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
    part = RegularConvolution(*sizes, form)
    kernels = part.kernels().detach().requires_grad_()
    channels = size.hidden * size.orientations
    signal = torch.rand(size.images, channels, size.frame, size.frame)
    signal.requires_grad_()
    direction = torch.rand_like(signal)

    def both() -> None:
        part.apply_kernels(signal, kernels).backward(direction)

    return both


def sequence(
    size: Turning, execution: cells.Execution, form: str
) -> Callable[[], None]:
    """A function that observes frames and differentiates the last state.

    Kernels are worked out once a call, as in training.
    """
    torch.manual_seed(0)
    flow = {"kind": "rotation", "orientations": size.orientations, "basis": size.basis}
    moves = flows.build({**flow, "max_speed": SPEED}, size.frame)
    cell = cells.build(execution, moves, hidden=size.hidden, kernel=size.kernel)
    assert isinstance(cell.conv_h, RegularConvolution)
    cell.conv_h.form = form
    video = torch.rand(1, size.frames, 1, size.frame, size.frame)

    def observe() -> None:
        state = None
        with flows.held(cell):
            for drive in cell.lift(video):
                state = cell(drive, state)
            assert state is not None
            state.square().mean().backward()

    return observe


def main(spec: str) -> None:
    """Print the mebibytes that two convolutions add to a process; see `_peak`."""
    keep_freed_memory()
    torch.set_num_threads(1)
    options = json.loads(spec)
    form = options.pop("form")
    size = Turning(**options)
    convolution(replace(TINY, basis=size.basis, kernel=size.kernel), form)()
    loaded = peak()
    call = convolution(size, form)
    for _ in range(2):
        call()
    print(peak() - loaded)


if __name__ == "__main__":
    main(sys.argv[1])
