r"""All states of a recurrence :math:`h_t = f(h_{t-1}, x_t)` by Newton's method.

Each iteration solves the recurrence linearised at the newest states, whose Jacobians
:math:`J_t = \partial f / \partial h` are diagonal or a small block for each unit, by a
scan:

.. math:: \delta_t = J_t \delta_{t-1} + f(h_{t-1}, x_t) - h_t, \qquad
          h \leftarrow h + \delta

(ParaRNN: F. Danieli et al., arXiv 2510.21450). After k of them the first k + 1 states
are exact. Newton's method may diverge on the way, so the residual is tested, and where
it stays too large the recurrence runs step by step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from fernn.models.temporal._scan import block_product, block_scan, linear_scan

TOLERANCE = {torch.float64: 1e-12}  # of the residual, relative to the largest state
SINGLE = 1e-6  # of others

Function = Callable[[Tensor, Tensor, Tensor], Tensor]  # of state, drive and weights


class Diagonal:
    """Jacobians of numbers that know only themselves."""

    scan = staticmethod(linear_scan)

    @staticmethod
    def transposed(slope: Tensor) -> Tensor:
        """Of all times."""
        return slope

    @staticmethod
    def applied(slope: Tensor, vector: Tensor) -> Tensor:
        """At one time."""
        return slope * vector


class Blocks:
    """Jacobians of units of several numbers, whose axis is the first after time."""

    scan = staticmethod(block_scan)

    @staticmethod
    def transposed(slope: Tensor) -> Tensor:
        """Of all times."""
        return slope.transpose(1, 2)

    @staticmethod
    def applied(slope: Tensor, vector: Tensor) -> Tensor:
        """At one time."""
        return block_product(slope[None], vector[None, :, None])[0, :, 0]


@dataclass
class Newton:
    """A solver of one recurrence.

    Attributes:
        step: f, for one time or for all at once.
        slope: its Jacobian, likewise, in the form that `form` tells.
        form: ``Diagonal`` or ``Blocks``.
        iterations: at most.
        used: iterations of the newest call.
        fallbacks: calls so far that did not converge, and ran step by step.
    """

    step: Function
    slope: Function
    form: type[Diagonal] | type[Blocks] = Diagonal
    iterations: int = 8
    used: int = 0
    fallbacks: int = 0

    def __call__(self, drives: Tensor, initial: Tensor, weights: Tensor) -> Tensor:
        """All states; their gradients are exact, whatever the residual.

        Args:
            drives: what x contributes at each time, time first.
            initial: the state before the first, without that axis.
            weights: of f, for all times.
        """
        return _Solve.apply(drives, initial, weights, self)  # pyright: ignore

    def solve(self, drives: Tensor, initial: Tensor, weights: Tensor) -> Tensor:
        """See `__call__`; without gradients."""
        found = self.iterates(drives, initial, weights)
        for used in range(self.iterations + 1):
            states, residual = next(found)
            self.used = used
            if small(residual, states):
                return states
        self.fallbacks += 1
        return self.loop(drives, initial, weights)

    def iterates(
        self, drives: Tensor, initial: Tensor, weights: Tensor
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """The states and residuals after 0, 1, … iterations, from f of no past."""
        nothing = torch.zeros_like(initial).expand(len(drives), *initial.shape)
        states = self.step(shifted(nothing, initial), drives, weights)
        while True:
            before = shifted(states, initial)
            residual = self.step(before, drives, weights) - states
            yield states, residual
            slope = self.slope(before, drives, weights)
            states = states + self.form.scan(slope, residual)

    def loop(self, drives: Tensor, initial: Tensor, weights: Tensor) -> Tensor:
        """All states, step by step."""
        states = []
        for drive in drives.unbind(0):
            initial = self.step(initial, drive, weights)
            states.append(initial)
        return torch.stack(states)


def shifted(states: Tensor, initial: Tensor) -> Tensor:
    """The state before each."""
    return torch.cat([initial[None], states[:-1]])


def small(residual: Tensor, states: Tensor) -> bool:
    """Whether it is as small as the numbers allow; never, if one is not finite."""
    largest = max(1.0, states.abs().max().item())
    tolerance = TOLERANCE.get(states.dtype, SINGLE)
    return residual.abs().max().item() <= tolerance * largest


class _Solve(torch.autograd.Function):
    r"""The gradient by the implicit function theorem: a scan backwards, then one step.

    .. math:: g_t = \partial_t + J_{t+1}^\top g_{t+1}
    """

    @staticmethod
    def forward(
        ctx, drives: Tensor, initial: Tensor, weights: Tensor, newton: Newton
    ) -> Tensor:
        """The states."""
        states = newton.solve(drives, initial, weights)
        ctx.save_for_backward(drives, initial, weights, states)
        ctx.newton = newton
        return states

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient: Tensor):
        """The gradients of drives, initial state and weights."""
        drives, initial, weights, states = ctx.saved_tensors
        before, form = shifted(states, initial), ctx.newton.form
        slope = form.transposed(ctx.newton.slope(before, drives, weights))
        later = torch.cat([slope[1:], torch.zeros_like(slope[:1])]).flip(0)
        adjoint = form.scan(later, gradient.flip(0)).flip(0)
        with torch.enable_grad():
            given = [each.detach().requires_grad_() for each in (drives, weights)]
            after = ctx.newton.step(before, *given)
            of_drives, of_weights = torch.autograd.grad(after, given, adjoint)
        return of_drives, form.applied(slope[0], adjoint[0]), of_weights, None
