r"""Linear recurrences :math:`h_t = a_t \odot h_{t-1} + b_t`, step by step or as a tree.

The tree rests on the product of two steps, which is a step,
:math:`(a', b') \circ (a, b) = (a' a,\; a' b + b')` (G. E. Blelloch, 1990): it takes
:math:`2 \log_2 T` calls and twice the work. Which form is faster is a measurement, see
`chosen`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, get_args

import torch
from jaxtyping import Num
from torch import Tensor
from torch.autograd.function import once_differentiable

from labrun.errors import require_known

Form = Literal["auto", "loop", "tree"]
Sequence = Num[Tensor, "time *step"]
STEPS = 0.01, 0.5  # of time, of a frame, at first
SMALL = 256  # numbers of a step on a processor up to which a tree can be faster
LONG = 64  # steps from which it is


def linear_scan(
    a: Num[Tensor, "_ ..."],
    b: Sequence,
    initial: Num[Tensor, " *step"] | None = None,
    form: Form = "auto",
) -> Sequence:
    """All states of a linear recurrence, real or complex.

    Args:
        a: factors, time first; any axis may have length 1, such as that of time.
        b: what is added.
        initial: the state before the first step; None is zero.
        form: ``loop``, ``tree``, or ``auto``, see `chosen`.

    Raises:
        UserError: an unknown form.
    """
    require_known("form", form, get_args(Form))
    if initial is not None:
        b = torch.cat([(b[0] + a[0] * initial)[None], b[1:]])
    form = chosen(b) if form == "auto" else form
    if form == "tree":
        return _tree(a.expand(len(b), *a.shape[1:]), b)
    return Loop.apply(a, b)  # pyright: ignore[reportReturnType]


def first_steps(count: int) -> Num[Tensor, " count"]:
    """Random numbers whose softplus are steps of time, even in their logarithms."""
    low, high = map(math.log, STEPS)
    steps = torch.exp(low + (high - low) * torch.rand(count))
    return steps.expm1().log()


def block_scan(
    a: Num[Tensor, "time rank rank *step"], b: Num[Tensor, "time rank *step"]
) -> Num[Tensor, "time rank *step"]:
    """All states where a is a small matrix for each number; without gradients."""
    b = b.unsqueeze(2)
    if chosen(b) == "tree":
        return _tree(a, b, block_product).squeeze(2)
    states = [b[:1]]
    for time in range(1, len(b)):
        now = slice(time, time + 1)
        states.append(block_product(a[now], states[-1]) + b[now])
    return torch.cat(states).squeeze(2)


def block_product(left: Tensor, right: Tensor) -> Tensor:
    """Matrix products along the two axes after time."""
    return torch.einsum("tij...,tjk...->tik...", left, right)


def chosen(b: Sequence) -> Form:
    """The faster form: on a processor a tree wins for long series of few numbers.

    docs/models.md has the measurement. An accelerator, which was not measured, waits
    for launches, of which a tree has fewer.
    """
    few, long = b[0].numel() <= SMALL, len(b) >= LONG
    return "tree" if b.device.type != "cpu" or (few and long) else "loop"


Product = Callable[[Tensor, Tensor], Tensor]


def combine(
    first: tuple[Tensor, Tensor],
    second: tuple[Tensor, Tensor],
    product: Product = torch.mul,
) -> tuple[Tensor, Tensor]:
    """Two steps as one: `first`, then `second`."""
    (early, before), (late, after) = first, second
    return product(late, early), product(late, before) + after


def _tree(a: Tensor, b: Tensor, product: Product = torch.mul) -> Tensor:
    """Pairs as one step, the states after them, then those in between."""
    count = len(b)
    if count == 1:
        return b
    even = count - count % 2
    firsts, seconds = slice(0, even, 2), slice(1, even, 2)
    pairs = combine((a[firsts], b[firsts]), (a[seconds], b[seconds]), product)
    odd = _tree(*pairs, product)
    between = product(a[2::2], odd[: len(a[2::2])]) + b[2::2]
    evens = torch.cat([b[:1], between])
    paired = torch.stack([evens[: len(odd)], odd], dim=1).flatten(0, 1)
    return paired if even == count else torch.cat([paired, evens[-1:]])


class Loop(torch.autograd.Function):
    r"""Step by step; keeps the states alone.

    The gradient is the same recurrence backwards, :math:`g_t = \partial_t +
    \bar a_{t+1} g_{t+1}`, with :math:`\partial b_t = g_t` and
    :math:`\partial a_t = g_t \bar h_{t-1}`.
    """

    @staticmethod
    def forward(ctx, a: Tensor, b: Tensor) -> Tensor:
        """The states."""
        states = torch.empty_like(b)
        factors, state = a.expand(len(b), *a.shape[1:]), None
        for time, added in enumerate(b):
            state = states[time].copy_(added)
            if time:
                state.addcmul_(factors[time].expand_as(added), states[time - 1])
        ctx.save_for_backward(a, states)
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):
        """The gradients of a and b."""
        a, states = ctx.saved_tensors
        factors = a.expand(len(states), *a.shape[1:]).conj()
        of_b = torch.empty_like(gradient)
        of_b[-1] = gradient[-1]
        for time in reversed(range(len(states) - 1)):
            torch.mul(factors[time + 1], of_b[time + 1], out=of_b[time])
            of_b[time] += gradient[time]
        of_a = None
        if ctx.needs_input_grad[0]:
            products = torch.zeros_like(of_b)
            torch.mul(of_b[1:], states[:-1].conj(), out=products[1:])
            of_a = products.sum_to_size(a.shape)
            of_a = of_a if a.is_complex() else of_a.real
        return of_a, of_b
