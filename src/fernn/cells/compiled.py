"""The fused step as torch.compile writes it: its own kernels around the library's."""

from __future__ import annotations

from typing import no_type_check

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from fernn.cells._compile import run
from fernn.cells._gather import channels_third, pixels_last
from fernn.cells.fused import FusedCell
from fernn.flows._kernels import computed

State = Float[Tensor, "batch velocity hidden height width"]
Drive = Float[Tensor, "batch slots hidden height width"]
Pooled = Float[Tensor, "batch hidden height width"]


class CompiledCell(FusedCell):
    """`FusedCell` whose step and whose gradient are one compiled program each.

    Shift and padding become one kernel, and so do addition, activation and maximum, and
    the maximum of the moved state; the convolutions stay the library's. What is kept
    for the backward pass is the same. A program is compiled when a shape is met for the
    first time, in seconds, the first of all in half a minute.

    Args are those of `FlowEquivariantCell`.

    Raises:
        UserError: the flow is not a translation; or, when it computes, a compiler is
            missing.
    """

    def _step(
        self, drive: Drive | None, state: State | None, pool: bool
    ) -> tuple[State, Pooled | None]:
        if state is None or state.device.type == "meta":
            return super()._step(drive, state, pool)
        if state.shape[1] > 1 and state.stride(1) == 0:  # equal in all slots
            return super()._step(drive, state, pool)
        lifted = None if drive is None else pixels_last(drive)
        stepped, maximum = CompiledStep.apply(
            pixels_last(computed(state)), lifted, self.conv_h.weight,
            self.ahead, self.back, self.activation, pool,
        )  # fmt: skip
        return channels_third(stepped), maximum.movedim(-1, 1) if pool else None

    def moved_maximum(self, state: State, time: int, ahead: int = 1) -> Pooled:
        """See `FlowEquivariantCell.moved_maximum`."""
        if state.device.type == "meta":
            return super().moved_maximum(state, time, ahead)
        tables = self.tables_ahead(ahead)
        return CompiledMaximum.apply(pixels_last(state), *tables).movedim(-1, 1)


class CompiledStep(torch.autograd.Function):
    """One step, see `fernn.cells._step.Step`; saves what that saves."""

    @staticmethod
    def forward(ctx, state, drive, weight, ahead, back, activation, pool):
        """The next state and, if `pool`, its maximum over V."""
        stepped, maximum = run(step, state, drive, weight, ahead, activation, pool)
        ctx.save_for_backward(state, stepped, maximum, weight, ahead, back)
        ctx.set_materialize_grads(False)
        ctx.activation = activation
        ctx.drive_slots = 0 if drive is None else drive.shape[1]
        return stepped, maximum

    @staticmethod
    @once_differentiable
    def backward(ctx, to_stepped, to_maximum):
        """The gradients of what `forward` gets, from those of what it gives."""
        if to_stepped is None and to_maximum is None:
            return 7 * (None,)
        state, stepped, maximum, *rest = ctx.saved_tensors
        if to_stepped is None:  # of the last step alone: not worth a program
            to_stepped = torch.zeros_like(stepped)
        maximum = None if to_maximum is None else maximum
        found = run(
            gradients, to_stepped, to_maximum, state, stepped, maximum, *rest,
            ctx.activation, ctx.drive_slots,
        )  # fmt: skip
        return *found, *4 * (None,)


class CompiledMaximum(torch.autograd.Function):
    """The maximum over V of all slots moved by a step; saves no moved state."""

    @staticmethod
    def forward(ctx, state, there, back):
        """`there` and `back` are tables without margin."""
        maximum = run(moved_maximum, state, there)
        ctx.save_for_backward(state, maximum, there, back)
        return maximum

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        """The gradient of the state."""
        return run(moved_gradient, gradient, *ctx.saved_tensors), None, None


@no_type_check
def step(state, drive, weight, ahead, activation, pool):
    """The next state, ``(batch velocity height width hidden)``, and its maximum."""
    weight = weight.to(state.dtype, memory_format=torch.channels_last)
    stepped = F.conv2d(_read(state, ahead, weight.shape[-1]), weight)
    stepped = stepped.permute(0, 2, 3, 1).view(state.shape)
    if drive is not None:
        stepped = (stepped + drive).to(state.dtype)
    stepped = torch.relu(stepped) if activation == "relu" else torch.tanh(stepped)
    return stepped, stepped.amax(1) if pool else None


@no_type_check
def gradients(
    to_stepped, to_maximum, state, stepped, maximum, weight, ahead, back, activation,
    drive_slots,
):  # fmt: skip
    """Those of the state, the drive and the weight; ties of the maximum share."""
    incoming = to_stepped.to(stepped.dtype)
    if to_maximum is not None:
        incoming = incoming + _shares(stepped, maximum, to_maximum)
    if activation == "relu":
        incoming = torch.ops.aten.threshold_backward(incoming, stepped, 0)
    else:
        incoming = torch.ops.aten.tanh_backward(incoming, stepped)
    to_drive = None
    if drive_slots:
        to_drive = incoming if drive_slots > 1 else incoming.sum(1, keepdim=True)
    side, kernel = weight.shape[-1], weight.to(state.dtype)
    turned = kernel.flip(-2, -1).transpose(0, 1)
    turned = turned.contiguous(memory_format=torch.channels_last)
    to_state = F.conv2d(_read(incoming, back, side), turned)
    images = incoming.flatten(0, 1).permute(0, 3, 1, 2)
    to_weight = torch.ops.aten.convolution_backward(
        images, _read(state, ahead, side), kernel, None,
        [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [False, True, False],
    )[1]  # fmt: skip
    to_state = to_state.permute(0, 2, 3, 1).view(state.shape)
    return to_state, to_drive, to_weight.to(weight.dtype)


@no_type_check
def moved_maximum(state, there):
    """Over V, of the state read by a table."""
    return state.flatten(1, 3).index_select(1, there).view(state.shape).amax(1)


@no_type_check
def moved_gradient(gradient, state, maximum, there, back):
    """That of the state in `moved_maximum`."""
    moved = state.flatten(1, 3).index_select(1, there).view(state.shape)
    shares = _shares(moved, maximum, gradient).flatten(1, 3)
    return shares.index_select(1, back).view(state.shape)


@no_type_check
def _shares(state, maximum, gradient):
    """The gradient of the maximum, in even shares to all that have it."""
    won = state == maximum[:, None]
    count = won.to(torch.float32).sum(1).to(state.dtype)
    return torch.where(won, (gradient.to(state.dtype) / count)[:, None], 0)


@no_type_check
def _read(state, table, side):
    """Moved and padded by a table, as images whose channels lie last in memory."""
    rows = state.flatten(1, 3).index_select(1, table)
    tall, wide = state.shape[2] + side - 1, state.shape[3] + side - 1
    images = rows.view(-1, tall, wide, state.shape[-1])
    return images.permute(0, 3, 1, 2)
