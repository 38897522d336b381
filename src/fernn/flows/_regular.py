"""Convolutions of the regular representation of C_N, by a bank or by harmonics."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from fernn.flows import _harmonic
from fernn.flows._basis import Basis, harmonics, turned
from fernn.flows._initial_weights import InitialWeights, draw
from fernn.flows._tables import Tables

Form = Literal["bank", "harmonic"]
WORTH = 250  # (fewer multiplications) × (channels) from which the harmonic form wins


class ExpandedKernels(nn.Module):
    """A module whose kernels are computed from fewer numbers, its `weight`.

    Inside `cached_kernels` they are computed once, with their gradient.
    """

    weight: nn.Parameter

    def __init__(self):
        super().__init__()
        self._open_blocks = 0
        self._cached: tuple[tuple, Tensor] | None = None

    def expand(self) -> Tensor:
        """The kernels."""
        raise NotImplementedError

    def kernels(self) -> Tensor:
        """The kernels, cached if a block of `cached_kernels` is open.

        A block may stay open while the weight changes, as of a generator of frames
        that waits: then they are computed again.
        """
        if not self._open_blocks:
            return self.expand()
        weight = self.weight
        state = id(weight), weight._version, weight.dtype, weight.device
        key = *state, torch.is_grad_enabled()
        if self._cached is None or self._cached[0] != key:
            self._cached = key, self.expand()
        return self._cached[1]


@contextmanager
def cached_kernels(module: nn.Module) -> Iterator[None]:
    """Within the block every part of a module expands its kernels once.

    One backward pass belongs to a block: the kernels have a single graph.
    """
    parts = [part for part in module.modules() if isinstance(part, ExpandedKernels)]
    for part in parts:
        part._open_blocks += 1
    try:
        yield
    finally:
        for part in parts:
            part._open_blocks -= 1
            if not part._open_blocks:
                part._cached = None


class _Convolution(ExpandedKernels):
    """Weights of a basis, without bias: height and width stay, zero beyond the border.

    Args:
        inputs: channels, for each orientation if the input has some.
        outputs: channels likewise.
        kernel: side, pixels, odd.
        orientations: N.
        basis: ``gauss`` or ``rings``.
        turns: relative orientations that the weights differ in.
        initial: how the weights are drawn, see `fernn.flows._initial_weights.draw`.

    Attributes:
        members: models in one, see `fernn.models._stack`: each has as many of the
            functions of the weight and of the channels, and meets no other.
    """

    members: int = 1

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        orientations: int,
        basis: Basis = "gauss",
        turns: int = 1,
        initial: InitialWeights = "uniform",
    ):
        super().__init__()
        self.inputs, self.outputs, self.kernel = inputs, outputs, kernel
        self.orientations, self.basis = orientations, basis
        orders, shape = harmonics(basis, kernel)[0].tolist(), (turns, outputs, inputs)
        self.weight = nn.Parameter(draw(initial, orders, orientations, shape))

    @property
    def rotated(self) -> Float[Tensor, "orientation function tall wide"]:
        """The basis in every orientation."""
        like = self.weight.dtype, self.weight.device
        return turned(self.basis, self.kernel, self.orientations, *like)

    def expand(self) -> Tensor:
        """The kernels of all members, one after the other."""
        each = [self.expanded(weight) for weight in self.weight.chunk(self.members)]
        return torch.cat(each) if len(each) > 1 else each[0]

    def expanded(self, weight: Tensor) -> Tensor:
        """The kernels of one member's weight."""
        raise NotImplementedError

    def forward(
        self, signal: Float[Tensor, "batch inputs height width"]
    ) -> Float[Tensor, "batch outputs height width"]:
        """The convolution."""
        return self._convolve(signal, self.kernels())

    def _convolve(self, signal: Tensor, kernels: Tensor) -> Tensor:
        padding = self.kernel // 2
        return F.conv2d(signal, kernels, padding=padding, groups=self.members)


class Lifting(_Convolution):
    """From frames to orientations: every kernel in N directions."""

    STACKED = ("members",)

    def expanded(self, weight: Tensor) -> Float[Tensor, "outputs inputs tall wide"]:
        """The bank, its outputs as ``(orientation hidden)``."""
        bank = torch.einsum("boc,sbyx->socyx", weight[:, 0], self.rotated)
        return bank.flatten(0, 1)


class Projection(_Convolution):
    """From orientations to a frame: their maximum, then round kernels, linear.

    A convolution from frames to frames commutes with rotations only if its kernels are
    round, so what depends on direction must be drawn before.
    """

    STACKED = ("members",)

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        orientations: int,
        basis: Basis = "gauss",
    ):
        super().__init__(inputs, outputs, kernel, 1, basis)
        self.pooled = orientations
        # A basis begins with its functions of order 0, which are round.
        self.round = int((harmonics(basis, kernel)[0] == 0).sum())
        bound = 1 / math.sqrt(inputs * self.round)
        weight = torch.empty(self.round, 1, outputs, inputs)
        self.weight = nn.Parameter(weight.uniform_(-bound, bound))

    def expanded(self, weight: Tensor) -> Float[Tensor, "outputs inputs tall wide"]:
        """The round kernels."""
        functions = self.rotated[0, : self.round]
        return torch.einsum("boc,byx->ocyx", weight[:, 0], functions)

    def forward(
        self, signal: Float[Tensor, "batch inputs height width"]
    ) -> Float[Tensor, "batch outputs height width"]:
        """The convolution of the maximum over orientations."""
        sizes = {"m": self.members, "r": self.pooled}
        oriented = rearrange(signal, "b (m r c) h w -> b m r c h w", **sizes)
        return super().forward(oriented.amax(2).flatten(1, 2))


class RegularConvolution(_Convolution):
    r"""From orientations to orientations, equivariant to C_N.

    .. math:: y(s) = \sum_r \kappa_{r - s}(R_{-s} \cdot) \star h(r), \qquad
              \kappa_d = \sum_b w_b(d)\, \varphi_b

    Args are those of `Lifting`, and:
        form: ``bank`` convolves with all N² kernels; ``harmonic`` works on the Fourier
            transform over orientations, at the cost of N; None for the faster.
        initial: see `Lifting`.
    """

    STACKED = ("members",)

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        orientations: int,
        basis: Basis = "gauss",
        form: Form | None = None,
        initial: InitialWeights = "uniform",
    ):
        group = orientations, basis, orientations
        super().__init__(inputs, outputs, kernel, *group, initial)
        self.form: str = form or faster(orientations, inputs, kernel, len(self.weight))
        self.tables = Tables(basis, kernel, orientations)

    def expanded(self, weight: Tensor) -> Tensor:
        """The bank, or the mixing matrices of the frequencies."""
        if self.form == "bank":
            return self.bank(weight)
        return self.tables.mixing(weight)

    def bank(self, weight: Tensor) -> Float[Tensor, "outputs inputs tall wide"]:
        """All kernels, both sides as ``(orientation hidden)``."""
        count = self.orientations
        place = torch.arange(count, device=weight.device)
        apart = (place - place[:, None]) % count  # r - s, at (s, r)
        bank = torch.einsum("bsroc,sbyx->sorcyx", weight[:, apart], self.rotated)
        return bank.flatten(2, 3).flatten(0, 1)

    def forward(
        self, signal: Float[Tensor, "batch inputs height width"]
    ) -> Float[Tensor, "batch outputs height width"]:
        """The convolution."""
        return self.apply_kernels(signal, self.kernels())

    def apply_kernels(
        self, signal: Float[Tensor, "batch inputs height width"], kernels: Tensor
    ) -> Float[Tensor, "batch outputs height width"]:
        """The convolution with what `expand` gave."""
        if self.form == "bank":
            return self._convolve(signal, kernels)
        pairs = zip(
            signal.chunk(self.members, 1), kernels.chunk(self.members), strict=True
        )
        found = [self.by_harmonics(*pair) for pair in pairs]
        return torch.cat(found, 1) if len(found) > 1 else found[0]

    def by_harmonics(self, signal: Tensor, mixing: Tensor) -> Tensor:
        """One member's convolution with the matrices of `Tables.mixing`."""
        return _harmonic.convolve(signal, mixing, self.tables)


def faster(orientations: int, channels: int, kernel: int, functions: int) -> Form:
    """The form that is faster; measured, see docs/rotation.md.

    The bank multiplies :math:`N^2 k^2` times a channel pair and pixel, the harmonic
    form :math:`4 B (N/2 + 1)` times; what it does besides weighs less the more
    channels there are.
    """
    fewer = (orientations * kernel) ** 2 / (4 * functions * (orientations // 2 + 1))
    return "harmonic" if fewer * channels >= WORTH else "bank"
