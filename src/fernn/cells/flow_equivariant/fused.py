"""The same recurrence with each slot's shift fused into the circular padding."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn

from fernn.cells._base import Lifted, Pooled, Role, State
from fernn.cells._checks import check_step
from fernn.cells.flow_equivariant._gather import (
    Move,
    MovedMaximum,
    channels_last,
    channels_third,
    opposite,
    sources,
)
from fernn.cells.flow_equivariant._step import (
    Convolution,
    DirectConvolution,
    Step,
    TorusConv2d,
)
from fernn.cells.flow_equivariant._trust import kernels_for, trusted
from fernn.cells.flow_equivariant.plain import FlowEquivariantCell
from fernn.flows import Flow, Frame, Velocity

TRIED = (1, 2)  # steps ahead by which kernels are compared with torch


class FusedCell(FlowEquivariantCell):
    """`FlowEquivariantCell` for translations, with one gather for shift and padding.

    A circular convolution needs its border wrapped, which copies the state once. The
    same copy can read every slot from where its velocity puts it, so the flow is free.
    Channels lie last in memory. The step keeps one hidden tensor for the backward
    pass, whose own convolution is the same gather with the opposite velocity. The
    state after the first frame is equal in all slots and is convolved once.

    Args are those of `FlowEquivariantCell`.

    Attributes:
        shift_pad: table that reads each slot from where its velocity puts it, with the
            kernel's margin; see `sources`.
        unshift_pad: the same for the opposite velocities.
        shift: as `shift_pad`, without margin.
        unshift: as `unshift_pad`, without margin.
        spread_shift: as `shift`, from one slot that stands for all.

    Raises:
        UserError: the flow is not a translation.
    """

    orders = ("convolve_first",)
    STACKED = ("hidden", "channels", "members")
    shift_pad: Tensor
    unshift_pad: Tensor
    shift: Tensor
    unshift: Tensor
    spread_shift: Tensor

    def __init__(self, flow: Flow, *args: Any, **kwargs: Any):
        super().__init__(flow, *args, **kwargs)
        margin, backwards = self.kernel // 2, opposite(flow.velocities)
        tables = {
            "shift_pad": sources(flow.velocities, self.torus, margin),
            "unshift_pad": sources(backwards, self.torus, margin),
            "shift": sources(flow.velocities, self.torus, 0),
            "unshift": sources(backwards, self.torus, 0),
            "spread_shift": sources(flow.velocities, self.torus, 0, shared=True),
        }
        for name, table in tables.items():
            self.register_buffer(name, table, persistent=False)

    @classmethod
    def objection(cls, flow: Flow) -> str | None:
        """See `Cell.objection`; an execution has its class's name."""
        if flow.torus is not None:
            return None
        return (
            f"execution {cls.__name__.removesuffix('Cell').lower()!r} shifts by whole"
            f" pixels and needs a translation flow, got {type(flow).__name__};"
            " use execution 'comoving'"
        )

    @property
    def torus(self) -> Frame:
        """Height and width of the flow's torus, pixels."""
        assert self.flow.torus is not None  # see `objection`
        return self.flow.torus

    def forward(self, lifted: Lifted | None, state: State | None) -> State:
        """See `FlowEquivariantCell.forward`."""
        check_step(self, lifted, state)
        return self._step(lifted, state, pool=False)[0]

    def forward_with_maximum(
        self, lifted: Lifted | None, state: State | None, time: int
    ) -> tuple[State, Pooled]:
        """See `Cell.forward_with_maximum`."""
        stepped, maximum = self._step(lifted, state, pool=True)
        if maximum is None:  # in the order of memory, which is much faster
            maximum = channels_last(stepped).amax(1).movedim(-1, 1)
        return stepped, maximum

    def _step(
        self, lifted: Lifted | None, state: State | None, pool: bool
    ) -> tuple[State, Pooled | None]:
        if state is None:
            return super().forward(lifted, state), None
        if equal_in_all_slots(state):
            recurrent = channels_last(self.conv_h(state[:, 0])[:, None])
            signal = self._move(recurrent, self.spread_shift, self.unshift)
            return self._activate(signal if lifted is None else signal + lifted), None
        stepped, maximum = Step.apply(
            channels_last(state),
            None if lifted is None else channels_last(lifted),
            self.conv_h.weight,
            self.convolution(state),
            self.activation,
            pool,
        )
        return channels_third(stepped), maximum.movedim(-1, 1) if pool else None

    def layer(self, role: Role, inputs: int, outputs: int) -> nn.Module:
        """See `Cell.layer`; all roles are the same on the torus."""
        return TorusConv2d(inputs, outputs, self.kernel, self.torus)

    def convolution(self, state: State) -> Convolution:
        """How the slots are convolved."""
        return DirectConvolution(self.shift_pad, self.unshift_pad, self.members)

    def move(self, state: State) -> State:
        """See `Cell.move`."""
        return self.moved(state, 1)

    def moved(self, state: State, steps: int) -> State:
        """See `Cell.moved`; one copy for any number of steps."""
        if steps == 0:
            return state
        return self._move(channels_last(state), *self.shifts(steps))

    def _move(self, state: Tensor, there: Tensor, back: Tensor) -> State:
        slots = len(self.flow.velocities)
        return channels_third(Move.apply(state, there, back, slots))

    def moved_maximum(self, state: State, time: int, ahead: int = 1) -> Pooled:
        """See `Cell.moved_maximum`."""
        tables = self.shifts(ahead)
        return MovedMaximum.apply(channels_last(state), *tables).movedim(-1, 1)

    def moved_maxima(
        self, state: State, time: int, ahead: Sequence[int]
    ) -> list[Pooled]:
        """See `Cell.moved_maxima`; on a GPU by Triton kernels, where they are right."""
        kernels = kernels_for(state)
        if kernels is None or not self._trusts(kernels, state):
            return super().moved_maxima(state, time, ahead)
        return kernels.moved_maxima(state, self.flow, ahead)

    def _trusts(self, kernels: ModuleType, state: State) -> bool:
        """Whether the kernels give, for such a state, what torch gives."""
        by_torch = super().moved_maxima
        return trusted(
            "maxima over V",
            lambda sample: torch.stack(kernels.moved_maxima(sample, self.flow, TRIED)),
            lambda sample: torch.stack(by_torch(sample, 0, TRIED)),
            state,
            (self.torus, tuple(self.flow.velocities)),
        )

    def shifts(self, ahead: int) -> tuple[Tensor, Tensor]:
        """The tables that move each slot by `ahead` steps, and back."""
        if ahead == 1:
            return self.shift, self.unshift
        velocities = tuple(self.flow.velocities)
        ahead %= math.lcm(*self.torus)
        return _shifts(velocities, self.torus, ahead, self.shift.device)


def equal_in_all_slots(state: State) -> bool:
    """Whether a state of several slots is a view of one, as after the first frame."""
    return state.shape[1] > 1 and state.stride(1) == 0


@functools.lru_cache(maxsize=256)
def _shifts(
    velocities: tuple[Velocity, ...], frame: Frame, ahead: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Tables of `sources` for so many steps; a roll-out needs each again and again."""
    steps = [tuple(ahead * speed for speed in velocity) for velocity in velocities]
    there, back = (sources(each, frame, 0) for each in (steps, opposite(steps)))
    return there.to(device), back.to(device)


build = FusedCell
