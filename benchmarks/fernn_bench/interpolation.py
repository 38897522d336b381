"""What interpolation costs rotations in accuracy."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import torch
import torch.nn.functional as F
from torch import Tensor

from fernn import flows
from fernn.cells import Execution, FlowEquivariantCell, flow_equivariant
from fernn.flows import Flow
from fernn.flows._basis import Basis
from fernn.flows._regular import RegularConvolution
from fernn_bench.report import Row

BASES: tuple[tuple[Basis, int], ...] = (("gauss", 5), ("rings", 3), ("rings", 5))
SIZE, SEEN = 21, 2
LATER = (2, 16)  # frames
EXECUTIONS: dict[str, Execution] = {"lab": "plain", "co-moving": "comoving"}


def interpolation(quick: bool) -> Iterator[Row]:
    """What interpolation costs rotations in accuracy.

    Relative L2 errors in double precision, on smooth random frames that vanish at the
    border, with random weights. A convolution: of the turned state against the turned
    convolution, N = 36, of 45° N = 8. A slot: the state of a turning input, 45°/frame,
    against the moved state of the one at rest; C_8, V closed. Two frames are seen, then
    the state runs freely, as in a roll-out: it is compared two and sixteen frames after
    the first, when the turn is a multiple of 90° and the comparison interpolates
    nothing.
    """
    for how in ("bicubic", "bilinear"):
        yield Row(f"30° and back, {how}", round_trip(how), "")
    for (basis, side), degrees in product(BASES, (10, 45)):
        error = convolution(basis, side, degrees)
        yield Row(f"convolution, {degrees}°, {side}×{side} {basis}", error, "")
    for frame, how in product(EXECUTIONS, ("bicubic", "bilinear")):
        errors = slots(EXECUTIONS[frame], how, LATER[:1] if quick else LATER)
        for later, error in errors.items():
            yield Row(f"slot, {frame}, {how}, {later} frames", error, "")


def round_trip(how: str) -> float:
    """Of a frame turned by 30 degrees and back."""
    flow, frame = _flow(8, how), smooth(1)
    return _error(flow.act(flow.act(frame, (30,)), (-30,)), frame)


def convolution(basis: Basis, side: int, degrees: int) -> float:
    """Of conv(act(h)) against act(conv(h))."""
    orientations, flow = (36, _flow(36)) if degrees % 45 else (8, _flow(8))
    torch.manual_seed(0)
    conv = RegularConvolution(2, 2, side, orientations, basis).double()
    state = smooth(2 * orientations)
    with torch.no_grad():
        turned = conv(flow.act_on_state(state, (degrees,)))
        return _error(turned, flow.act_on_state(conv(state), (degrees,)))


@torch.no_grad()
def slots(execution: Execution, how: str, later: tuple[int, ...]) -> dict[int, float]:
    """Of the slots of a turning input, by frames after the first."""
    torch.manual_seed(0)
    flow = _flow(8, how)
    cell = flow_equivariant.build(flow, execution=execution, hidden=2).double()
    still = smooth(1)[:, None].expand(-1, max(later) + 1, -1, -1, -1)
    frames = [flow.act(f, (45,), t) for t, f in enumerate(still.unbind(1))]
    rest, moving = _states(cell, still), _states(cell, torch.stack(frames, 1))
    found = {}
    for time in later:
        slots = range(len(flow.velocities))
        moved = [flow.act_on_state(rest[time][:, s - 1], (45,), time) for s in slots]
        found[time] = _error(moving[time], torch.stack(moved, 1))
    return found


def smooth(channels: int) -> Tensor:
    """Random frames, (1, channel, height, width), blurred and round."""
    generator = torch.Generator().manual_seed(0)
    shape = 1, channels, SIZE, SIZE
    noise = torch.randn(shape, generator=generator, dtype=torch.float64)
    place = torch.linspace(-2.5, 2.5, SIZE, dtype=torch.float64)
    radius = place[:, None] ** 2 + place**2
    middle = slice(SIZE // 2 - 5, SIZE // 2 + 6)
    bell = torch.exp(-2 * radius[middle, middle])
    kernel = (bell / bell.sum()).expand(channels, 1, -1, -1)
    blurred = F.conv2d(noise, kernel, padding=5, groups=channels)
    return blurred * torch.exp(-((radius / 2.5) ** 3))


def _flow(orientations: int, how: str = "bicubic") -> Flow:
    spec = {"kind": "rotation", "orientations": orientations, "closed": True}
    return flows.build({**spec, "interpolation": how}, SIZE)


def _states(cell: FlowEquivariantCell, video: Tensor) -> list[Tensor]:
    """In the lab frame, after each frame."""
    state, found = None, []
    for time, drive in enumerate(cell.lift(video), start=1):
        state = cell(drive if time <= SEEN else None, state)
        found.append(cell.lab(state, time))
    return found


def _error(found: Tensor, expected: Tensor) -> float:
    return ((found - expected).norm() / expected.norm()).item()
