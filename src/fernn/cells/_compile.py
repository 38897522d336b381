"""Programs that torch.compile writes, one for each shape of their arguments."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor

from labrun.errors import UserError


def run(program: Callable, *arguments: Any) -> Any:
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
        why = error.inner_exception
        reason = (str(why).strip() or type(why).__name__).splitlines()[0]
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
