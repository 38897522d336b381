"""The fused step as torch.compile writes it: its own kernels around the library's."""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any, no_type_check

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from fernn.cells._base import Lifted, Pooled, State
from fernn.cells.flow_equivariant._gather import channels_last, channels_third
from fernn.cells.flow_equivariant._step import SELU
from fernn.cells.flow_equivariant.fused import FusedCell, equal_in_all_slots
from fernn.cells.flow_equivariant.plain import ACTIVATIONS
from fernn.flows._numerics import autocast
from labrun.errors import UserError

PROGRAMS = 2**20  # of one function, for different shapes; torch gives up after 8


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
        self, lifted: Lifted | None, state: State | None, pool: bool
    ) -> tuple[State, Pooled | None]:
        if state is None or state.device.type == "meta":
            return super()._step(lifted, state, pool)
        if equal_in_all_slots(state):
            return super()._step(lifted, state, pool)
        stepped, maximum = CompiledStep.apply(
            channels_last(autocast(state)),
            None if lifted is None else channels_last(lifted),
            self.conv_h.weight,
            self.shift_pad,
            self.unshift_pad,
            self.activation,
            pool,
        )
        return channels_third(stepped), maximum.movedim(-1, 1) if pool else None

    def moved_maximum(self, state: State, time: int, ahead: int = 1) -> Pooled:
        """See `Cell.moved_maximum`."""
        if state.device.type == "meta":
            return super().moved_maximum(state, time, ahead)
        tables = self.shifts(ahead)
        return CompiledMaximum.apply(channels_last(state), *tables).movedim(-1, 1)


build = CompiledCell


class CompiledStep(torch.autograd.Function):
    """One step, see `Step`; saves what that saves."""

    @staticmethod
    def forward(ctx, state, lifted, weight, shift_pad, unshift_pad, activation, pool):
        """The next state and, if `pool`, its maximum over V."""
        stepped, maximum = run(step, state, lifted, weight, shift_pad, activation, pool)
        ctx.save_for_backward(state, stepped, maximum, weight, shift_pad, unshift_pad)
        ctx.set_materialize_grads(False)
        ctx.activation = activation
        ctx.lifted_slots = 0 if lifted is None else lifted.shape[1]
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
            ctx.activation, ctx.lifted_slots,
        )  # fmt: skip
        return *found, *4 * (None,)


class CompiledMaximum(torch.autograd.Function):
    """The maximum over V of all slots moved by a step; saves no moved state."""

    @staticmethod
    def forward(ctx, state, shift, unshift):
        """The tables have no margin."""
        maximum = run(moved_maximum, state, shift)
        ctx.save_for_backward(state, maximum, shift, unshift)
        return maximum

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        """The gradient of the state."""
        return run(moved_gradient, gradient, *ctx.saved_tensors), None, None


@no_type_check
def step(state, lifted, weight, shift_pad, activation, pool):
    """The next state, ``(batch velocity height width hidden)``, and its maximum."""
    weight = weight.to(state.dtype, memory_format=torch.channels_last)
    stepped = F.conv2d(_read(state, shift_pad, weight.shape[-1]), weight)
    stepped = stepped.permute(0, 2, 3, 1).view(state.shape)
    if lifted is not None:
        stepped = (stepped + lifted).to(state.dtype)
    stepped = ACTIVATIONS[activation](stepped)
    return stepped, stepped.amax(1) if pool else None


@no_type_check
def gradients(
    to_stepped, to_maximum, state, stepped, maximum, weight, shift_pad, unshift_pad,
    activation, lifted_slots,
):  # fmt: skip
    """Those of the state, the lifted and the weight; ties of the maximum share."""
    incoming = to_stepped.to(stepped.dtype)
    if to_maximum is not None:
        incoming = incoming + _shares(stepped, maximum, to_maximum)
    if activation == "relu":
        incoming = torch.ops.aten.threshold_backward(incoming, stepped, 0)
    elif activation == "tanh":
        incoming = torch.ops.aten.tanh_backward(incoming, stepped)
    else:
        incoming = torch.ops.aten.elu_backward(incoming, *SELU, 1, True, stepped)
    to_lifted = None
    if lifted_slots:
        to_lifted = incoming if lifted_slots > 1 else incoming.sum(1, keepdim=True)
    side, kernel = weight.shape[-1], weight.to(state.dtype)
    turned = kernel.flip(-2, -1).transpose(0, 1)
    turned = turned.contiguous(memory_format=torch.channels_last)
    to_state = F.conv2d(_read(incoming, unshift_pad, side), turned)
    images = incoming.flatten(0, 1).permute(0, 3, 1, 2)
    to_weight = torch.ops.aten.convolution_backward(
        images, _read(state, shift_pad, side), kernel, None,
        [1, 1], [0, 0], [1, 1], False, [0, 0], 1, [False, True, False],
    )[1]  # fmt: skip
    to_state = to_state.permute(0, 2, 3, 1).view(state.shape)
    return to_state, to_lifted, to_weight.to(weight.dtype)


@no_type_check
def moved_maximum(state, shift):
    """Over V, of the state read by a table."""
    return state.flatten(1, 3).index_select(1, shift).view(state.shape).amax(1)


@no_type_check
def moved_gradient(gradient, state, maximum, shift, unshift):
    """That of the state in `moved_maximum`."""
    moved = state.flatten(1, 3).index_select(1, shift).view(state.shape)
    shares = _shares(moved, maximum, gradient).flatten(1, 3)
    return shares.index_select(1, unshift).view(state.shape)


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


def run(program: Callable, *arguments: Any) -> Any:
    """Run a program, compiled for the shapes of its arguments.

    Raises:
        UserError: a compiler is missing or fails.
    """
    arguments = tuple(map(_canonical, arguments))
    device = arguments[0].device.type
    if device == "cuda" and find_spec("triton") is None:
        raise UserError("execution 'compiled' needs the package: pip install triton")
    from torch._dynamo import config  # takes a second
    from torch._dynamo.exc import BackendCompilerFailed

    limits = {"recompile_limit": PROGRAMS, "accumulated_recompile_limit": PROGRAMS}
    try:
        # Its precision is that of the arguments; the context would be one more shape.
        with torch.autocast(device, enabled=False), config.patch(limits):
            return _compiled(program)(*arguments)
    except BackendCompilerFailed as error:
        why = error.inner_exception
        reason = (str(why).strip() or type(why).__name__).splitlines()[0]
        raise UserError(
            f"execution 'compiled' cannot compile: {reason}; install a compiler such as"
            " g++, or use execution 'fused'"
        ) from error


@functools.cache
def _compiled(program: Callable) -> Callable:
    """The program; torch compiles it for every shape that it meets."""
    return torch.compile(program, fullgraph=True, dynamic=False)


def _canonical(argument: Any) -> Any:
    """The same numbers without history, in strides that follow from the shape.

    Those of an axis of length one may be anything, and would be another program.
    """
    if not isinstance(argument, Tensor):
        return argument
    return argument.detach().contiguous().view(-1).view(argument.shape)
