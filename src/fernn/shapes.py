"""Models without numbers: torch's `meta` device, with the shapes of an operation once.

Torch infers most shapes on `meta` by Python, which takes longer than the operation does
on a processor. A recurrence repeats a few operations many times, and so do the models
of a plan.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Hashable, Iterable
from contextlib import suppress
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


class Known(NamedTuple):
    """What an operation does.

    Attributes:
        flop: floating point operations, as torch counts them.
        results: makes the results anew; None for one that changes its first argument.
    """

    flop: int
    results: Callable[[], Any] | None


class Elsewhere(Exception):
    """A tensor has numbers, or is none that can be told by its shape."""


_KNOWN: dict[Hashable, Known] = {}


class Shapes(TorchDispatchMode):
    """Counts what torch computes on `meta`, and infers no shape twice.

    What is not on `meta`, views, and operations that write to an argument other than
    their first are torch's own.

    Attributes:
        flop: floating point operations: two for each multiplication and addition of a
            convolution or matrix product, nothing for the rest.
        calls: operations of torch, views included.
    """

    def __init__(self):
        super().__init__()
        self.flop = 0
        self.calls = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """See `TorchDispatchMode`."""
        self.calls += 1
        kwargs = kwargs or {}
        if func in SHAPES:
            return SHAPES[func](*args, **kwargs)
        key = _key(func, args, kwargs)
        known = _KNOWN.get(key) if key else None
        if known is None:
            found, flop = _computed(func, args, kwargs)
            if key and _key(func, args, kwargs) == key:  # no argument has another shape
                _keep(key, flop, args, found)
        else:
            flop = known.flop
            found = known.results() if known.results else args[0]
        self.flop += flop
        return found


def _computed(func: Any, args: tuple, kwargs: dict[str, Any]) -> tuple[Any, int]:
    """What torch finds, and how many operations it counts."""
    found = func(*args, **kwargs)
    count = flop_registry.get(func.overloadpacket)
    return found, count(*args, **kwargs, out_val=found) if count else 0


@functools.cache
def _repeats(func: Any) -> bool:
    """Whether an operation makes new tensors, or changes its first argument alone."""
    schema = func._schema
    written = [each.alias_info for each in schema.arguments if each.alias_info]
    if schema.name.endswith("_"):
        return len(written) == 1 and written[0] is not None
    return not written


def _key(func: Any, args: tuple, kwargs: dict[str, Any]) -> Hashable:
    """What the shapes of the results depend on; None where that is not known."""
    if not _repeats(func):
        return None
    try:
        return func, _told(args), _told(kwargs.items())
    except Elsewhere:
        return None


def _told(values: Iterable[Any]) -> tuple[Hashable, ...]:
    """Arguments without numbers; 1, 1.0 and True are told apart."""
    return tuple(map(_one, values))


def _one(value: Any) -> Hashable:
    if isinstance(value, Tensor):
        if value.device.type != "meta" or value.layout != torch.strided:
            raise Elsewhere
        return value.shape, value.stride(), value.dtype
    if isinstance(value, (list, tuple)):
        return _told(value)
    return type(value), value


def _keep(key: Hashable, flop: int, args: tuple, found: Any) -> None:
    """Remember an operation, if its results are its first argument or new tensors."""
    if args and found is args[0]:
        _KNOWN[key] = Known(flop, None)
        return
    with suppress(Elsewhere):
        _KNOWN[key] = Known(flop, _maker(found))


def _maker(found: Any) -> Callable[[], Any]:
    """What makes tensors of the same shapes."""
    if isinstance(found, Tensor):
        _one(found)  # refuses what is elsewhere
        shape, stride, dtype = found.shape, found.stride(), found.dtype
        return lambda: torch.empty_strided(shape, stride, dtype=dtype, device="meta")
    if isinstance(found, tuple) and all(
        each is None or isinstance(each, Tensor) for each in found
    ):
        makers = [each if each is None else _maker(each) for each in found]
        return lambda: tuple(make and make() for make in makers)
    raise Elsewhere


def _sampled(signal: Tensor, grid: Tensor, *_: Any) -> Tensor:
    return signal.new_empty(*signal.shape[:2], *grid.shape[1:3])


def _unsampled(
    gradient: Tensor, signal: Tensor, grid: Tensor, *rest: Any
) -> tuple[Tensor | None, ...]:
    *_, wanted = rest
    pairs = zip(wanted, (signal, grid), strict=True)
    return tuple(torch.empty_like(each) if want else None for want, each in pairs)


# Without products that count, and on `meta` decomposed into thousands of operations.
SHAPES = {
    torch.ops.aten.grid_sampler_2d.default: _sampled,
    torch.ops.aten.grid_sampler_2d_backward.default: _unsampled,
}
