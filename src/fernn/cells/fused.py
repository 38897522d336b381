"""The same recurrence with each slot's shift fused into the circular padding."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fernn.cells._checks import check_step
from fernn.cells._direct import Direct
from fernn.cells._gather import channels_third, opposite, pixels_last, sources
from fernn.cells._maximum import MovedMaximum
from fernn.cells._step import Convolution, Step
from fernn.cells._torus import Move, TorusConv2d
from fernn.cells.flow_equivariant import FlowEquivariantCell, Role
from fernn.flows import Flow, Frame, Velocity
from fernn.flows.translation import Translation

State = Float[Tensor, "batch velocity hidden height width"]
Drive = Float[Tensor, "batch slots hidden height width"]
Pooled = Float[Tensor, "batch hidden height width"]


class FusedCell(FlowEquivariantCell):
    """`FlowEquivariantCell` for translations, with one gather for shift and padding.

    A circular convolution needs its border wrapped, which copies the state once. The
    same copy can read every slot from where its velocity puts it, so the flow is free.
    Channels lie last in memory. The step keeps one hidden tensor for the backward
    pass, whose own convolution is the same gather with the opposite velocity. The
    state after the first frame is equal in all slots and is convolved once.

    Args are those of `FlowEquivariantCell`.

    Raises:
        UserError: the flow is not a translation.
    """

    ahead: Tensor
    back: Tensor
    moved: Tensor
    unmoved: Tensor
    spread: Tensor

    def __init__(self, flow: Flow, *args: Any, **kwargs: Any):
        super().__init__(flow, *args, **kwargs)
        assert isinstance(flow, Translation)
        margin = self.kernel // 2
        backwards = opposite(flow.velocities)
        tables = {
            "ahead": sources(flow.velocities, flow.frame, margin),
            "back": sources(backwards, flow.frame, margin),
            "moved": sources(flow.velocities, flow.frame, 0),
            "unmoved": sources(backwards, flow.frame, 0),
            "spread": sources(flow.velocities, flow.frame, 0, shared=True),
        }
        for name, table in tables.items():
            self.register_buffer(name, table, persistent=False)

    @classmethod
    def objection(cls, flow: Flow) -> str | None:
        """See `FlowEquivariantCell.objection`; an execution has its class's name."""
        if isinstance(flow, Translation):
            return None
        return (
            f"execution {cls.__name__.removesuffix('Cell').lower()!r} shifts by whole"
            f" pixels and needs a translation flow, got {type(flow).__name__};"
            " use execution 'comoving'"
        )

    def forward(self, drive: Drive | None, state: State | None) -> State:
        """See `FlowEquivariantCell.forward`."""
        check_step(self, drive, state)
        return self._step(drive, state, pool=False)[0]

    def forward_with_maximum(
        self, drive: Drive | None, state: State | None, time: int
    ) -> tuple[State, Pooled]:
        """See `FlowEquivariantCell.forward_with_maximum`."""
        stepped, maximum = self._step(drive, state, pool=True)
        if maximum is None:  # in the order of memory, which is much faster
            maximum = pixels_last(stepped).amax(1).movedim(-1, 1)
        return stepped, maximum

    def _step(
        self, drive: Drive | None, state: State | None, pool: bool
    ) -> tuple[State, Pooled | None]:
        if state is None:
            return super().forward(drive, state), None
        if state.shape[1] > 1 and state.stride(1) == 0:
            recurrent = pixels_last(self.conv_h(state[:, 0])[:, None])
            signal = self._move(recurrent, self.spread)
            return self._activate(signal if drive is None else signal + drive), None
        lifted = None if drive is None else pixels_last(drive)
        weight, convolution = self.conv_h.weight, self.convolution(state)
        stepped, maximum = Step.apply(
            pixels_last(state), lifted, weight, convolution, self.activation, pool
        )
        return channels_third(stepped), maximum.movedim(-1, 1) if pool else None

    def layer(self, role: Role, inputs: int, outputs: int) -> nn.Module:
        """See `FlowEquivariantCell.layer`; all roles are the same on the torus."""
        assert isinstance(self.flow, Translation)
        return TorusConv2d(inputs, outputs, self.kernel, self.flow.frame)

    def convolution(self, state: State) -> Convolution:
        """How the slots are convolved."""
        return Direct(self.ahead, self.back)

    def move(self, state: State) -> State:
        """See `FlowEquivariantCell.move`."""
        return self._move(pixels_last(state), self.moved)

    def _move(self, state: Tensor, table: Tensor) -> State:
        slots = len(self.flow.velocities)
        return channels_third(Move.apply(state, table, self.unmoved, slots))

    def moved_maximum(self, state: State, time: int, ahead: int = 1) -> Pooled:
        """See `FlowEquivariantCell.moved_maximum`."""
        tables = self.tables_ahead(ahead)
        return MovedMaximum.apply(pixels_last(state), *tables).movedim(-1, 1)

    def moved_maxima(
        self, state: State, time: int, ahead: Sequence[int]
    ) -> list[Pooled]:
        """See `FlowEquivariantCell.moved_maxima`; on a GPU by kernels, if it can."""
        if state.device.type != "cuda" or find_spec("triton") is None:
            return super().moved_maxima(state, time, ahead)
        return self.maxima_by_kernels(state, ahead)

    def maxima_by_kernels(self, state: State, ahead: Sequence[int]) -> list[Pooled]:
        """The same, where Triton compiles for the device."""
        from fernn.cells._maxima import MovedMaxima

        assert isinstance(self.flow, Translation)
        period = math.lcm(*self.flow.frame)
        steps = tuple(number % period for number in ahead)
        tables = (
            _integers(tuple(self.flow.velocities), state.device),
            _integers(steps, state.device),
        )
        maxima = MovedMaxima.apply(pixels_last(state), *tables)
        return [each.movedim(-1, 1) for each in maxima.unbind(1)]

    def tables_ahead(self, ahead: int) -> tuple[Tensor, Tensor]:
        """The tables that move each slot by `ahead` steps, and back."""
        if ahead == 1:
            return self.moved, self.unmoved
        assert isinstance(self.flow, Translation)
        velocities, frame = tuple(self.flow.velocities), self.flow.frame
        ahead %= math.lcm(*frame)
        return _tables(velocities, frame, ahead, self.moved.device)


@functools.lru_cache(maxsize=256)
def _integers(values: tuple[Any, ...], device: torch.device) -> Tensor:
    """On the device; a step needs the same again and again."""
    return torch.tensor(values, dtype=torch.int32, device=device)


@functools.lru_cache(maxsize=256)
def _tables(
    velocities: tuple[Velocity, ...], frame: Frame, ahead: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Tables of `sources` for so many steps; a roll-out needs each again and again."""
    steps = [tuple(ahead * speed for speed in velocity) for velocity in velocities]
    there, back = (sources(each, frame, 0) for each in (steps, opposite(steps)))
    return there.to(device), back.to(device)
