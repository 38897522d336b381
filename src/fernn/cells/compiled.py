"""The fused step as torch.compile writes it: its own kernels around the library's."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, no_type_check

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from fernn.cells._gather import channels_third, pixels_last
from fernn.cells.fused import FusedCell
from fernn.errors import UserError
from fernn.flows._kernels import computed

State = Float[Tensor, "batch velocity hidden height width"]
Drive = Float[Tensor, "batch slots hidden height width"]
Pooled = Float[Tensor, "batch hidden height width"]


class CompiledCell(FusedCell):
    """`FusedCell` whose step and whose gradient are one compiled program each.

    Shift and padding become one kernel, and so do addition, activation and maximum; the
    convolutions stay the library's. What is kept for the backward pass is the same. A
    program is compiled when a shape is met for the first time, in half a minute or so.

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


class CompiledStep(torch.autograd.Function):
    """One step, see `fernn.cells._step.Step`; saves what that saves."""

    @staticmethod
    def forward(ctx, state, drive, weight, ahead, back, activation, pool):
        """The next state and, if `pool`, its maximum over V."""
        stepped, maximum = _run(step, state, drive, weight, ahead, activation, pool)
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
        found = _run(
            gradients, to_stepped, to_maximum, state, stepped, maximum, *rest,
            ctx.activation, ctx.drive_slots,
        )  # fmt: skip
        return *found, *4 * (None,)


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
        won = stepped == maximum[:, None]
        count = won.to(torch.float32).sum(1).to(stepped.dtype)
        incoming = incoming + torch.where(won, (to_maximum / count)[:, None], 0)
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
def _read(state, table, side):
    """Moved and padded by a table, as images whose channels lie last in memory."""
    rows = state.flatten(1, 3).index_select(1, table)
    wide = state.shape[2] + side - 1
    images = rows.view(-1, wide, wide, state.shape[-1])
    return images.permute(0, 3, 1, 2)


def _run(program: Callable, *arguments: Any) -> Any:
    """Run a program, compiled for the shapes of its arguments.

    Raises:
        UserError: a compiler is missing or fails.
    """
    arguments = tuple(map(_canonical, arguments))
    device = arguments[0].device.type
    if device == "cuda" and find_spec("triton") is None:
        raise UserError("execution 'compiled' needs the package: pip install triton")
    shapes = tuple(map(_shape, arguments))
    try:
        # Its precision is that of the arguments; the context would be one more shape.
        with torch.autocast(device, enabled=False):
            return _compiled(program, shapes)(*arguments)
    except RuntimeError as error:
        from torch._dynamo.exc import BackendCompilerFailed  # takes a second

        if not isinstance(error, BackendCompilerFailed):
            raise
        reason = str(error.inner_exception).strip().splitlines()[0]
        raise UserError(
            f"execution 'compiled' cannot compile: {reason}; install a compiler such as"
            " g++, or use execution 'fused'"
        ) from error


@functools.cache
def _compiled(program: Callable, shapes: tuple) -> Callable:
    """The program for arguments of these shapes.

    Torch counts how often a piece of code is compiled and gives up after eight times,
    so every shape has a copy of its own.
    """
    code = program.__code__.replace()
    own = types.FunctionType(code, program.__globals__, program.__name__)
    return torch.compile(own, fullgraph=True, dynamic=False)


def _canonical(argument: Any) -> Any:
    """The same numbers without history, in strides that follow from the shape.

    Those of an axis of length one may be anything, and would be another program.
    """
    if not isinstance(argument, Tensor):
        return argument
    return argument.detach().contiguous().view(-1).view(argument.shape)


def _shape(argument: Any) -> Any:
    if not isinstance(argument, Tensor):
        return argument
    return argument.device, argument.dtype, argument.shape
