r"""Check in a test that a cell of one's own is flow equivariant.

>>> import fernn
>>> from fernn.testing import assert_flow_equivariant
>>> flow = fernn.Translation(fernn.square(1), size=7)
>>> assert_flow_equivariant(fernn.FlowEquivariantCell(flow, hidden=4), flow)

If the video moves with a velocity :math:`\hat\nu`, each slot must have the state that
another slot has for the video at rest, moved along (section 3 of the paper):
:math:`h_t[\psi(\hat\nu) f](\nu) = \psi_{t-1}(\hat\nu)\, h_t[f](\nu - \hat\nu)`.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from fernn.flows import Flow, Velocity

__all__ = ["assert_flow_equivariant"]

States = Callable[[Tensor], Iterable[Tensor]]


@torch.no_grad()
def assert_flow_equivariant(
    cell: nn.Module | States,
    flow: Flow,
    *,
    size: int | tuple[int, int] | None = None,
    channels: int = 1,
    frames: int = 4,
    tolerance: float = 1e-10,
    seed: int = 0,
) -> None:
    """Compare states for a random video with those for the same video in motion.

    Every velocity of V is a motion; slots whose source is not in V are left out. A
    module is copied and computes in double precision.

    Args:
        cell: with ``lift(video)`` and ``forward(lifted, state)`` as the cells here; or
            any callable that gives, for a video (batch × time × channel × height ×
            width), the state after each frame in the lab frame (batch × slot × channel
            × height × width).
        flow: V and its action.
        size: side of the frames, or height and width, pixels; those of the flow's torus
            by default.
        channels: of a frame.
        frames: how many; the law is checked after each.
        tolerance: the largest relative error, in the L2 norm of a slot's state.
        seed: of the video.

    Raises:
        AssertionError: the law fails, with the worst place; or nothing was compared.
        ValueError: no size, and the flow has no torus.
    """
    states = _states_of(cell)
    video = _video(size or flow.torus, channels, frames, seed)
    still = list(states(video))
    errors: dict[str, float] = {}
    for nu in flow.velocities:
        moving = states(_moved(flow, video, nu))
        for time, (now, rest) in enumerate(zip(moving, still, strict=True)):
            errors |= _errors(flow, nu, time, now, rest)
    assert errors, f"no velocity of V = {flow.velocities} moves one of its slots"
    place, worst = max(errors.items(), key=lambda item: item[1])
    assert worst <= tolerance, (
        f"not flow equivariant: relative error {worst:.3g} > {tolerance:g} {place}"
    )


def _states_of(cell: nn.Module | States) -> States:
    if not isinstance(cell, nn.Module):
        return cell
    own: Any = copy.deepcopy(cell).double()

    def states(video: Tensor) -> Iterable[Tensor]:
        state = None
        for time, lifted in enumerate(own.lift(video), start=1):
            state = own(lifted, state)
            yield own.lab(state, time) if hasattr(own, "lab") else state

    return states


def _video(
    size: int | tuple[int, int] | None, channels: int, frames: int, seed: int
) -> Tensor:
    if size is None:
        raise ValueError("this flow has no torus: give the size of the frames")
    height, width = (size, size) if isinstance(size, int) else size
    generator = torch.Generator().manual_seed(seed)
    shape = (2, frames, channels, height, width)
    return torch.rand(shape, dtype=torch.float64, generator=generator)


def _moved(flow: Flow, video: Tensor, nu: Velocity) -> Tensor:
    """Frame t moved by t steps; frame 0 stays."""
    moved = [flow.act(frame, nu, time) for time, frame in enumerate(video.unbind(1))]
    return torch.stack(moved, dim=1)


def _errors(
    flow: Flow, nu: Velocity, time: int, moving: Tensor, still: Tensor
) -> dict[str, float]:
    """Relative errors of the slots that have a source, by what they are."""
    found: dict[str, float] = {}
    for slot, velocity in enumerate(flow.velocities):
        source = flow.difference(velocity, nu)
        if source is None or not any(nu):
            continue
        expected = flow.act_on_state(still[:, source], nu, time)
        norm = expected.norm().item()
        assert norm > 0, f"the state of slot {source} is zero after frame {time + 1}"
        place = f"in the slot of {velocity} after frame {time + 1} of a flow of {nu}"
        found[place] = (moving[:, slot] - expected).norm().item() / norm
    return found
