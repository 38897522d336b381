"""The cells by kernels for NVIDIA and AMD GPUs, written for the compiler Triton.

Modules that hold kernels import Triton and are imported where they run: it is not for
every system.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import torch
from jaxtyping import Int
from torch import Tensor

from fernn.cells._base import Pooled, State
from fernn.cells.flow_equivariant._gather import (
    ChannelsLast,
    channels_last,
    opposite,
)
from fernn.cells.flow_equivariant._step import IN_PLACE, Convolution, DirectConvolution
from fernn.cells.flow_equivariant.comoving import ComovingCell
from fernn.cells.flow_equivariant.fused import FusedCell
from fernn.cells.flow_equivariant.plain import FlowEquivariantCell
from fernn.flows import Flow
from fernn.flows._basis import Basis
from fernn.flows._initial_weights import InitialWeights
from fernn.flows._numerics import autocast
from fernn.flows._regular import RegularConvolution
from fernn.flows._tables import Tables
from fernn.flows.rotation import Rotation
from labrun.errors import UserError

INTERPRET = "TRITON_INTERPRET"  # "1" runs kernels without a GPU, to try them


def build(flow: Flow, **options: Any) -> FlowEquivariantCell:
    """The cell that has kernels for this flow."""
    if isinstance(flow, Rotation):
        return TritonComovingCell(flow, **options)
    return TritonCell(flow, **options)


def require(device: torch.device, instead: str) -> None:
    """Refuse to run kernels where they cannot.

    Args:
        device: where the numbers are.
        instead: the execution that does without.

    Raises:
        UserError: the package triton or a GPU is missing.
    """
    if find_spec("triton") is None:
        raise UserError("execution 'triton' needs the package: pip install triton")
    if device.type == "cpu" and os.environ.get(INTERPRET) != "1":
        raise UserError(
            f"execution 'triton' needs a GPU; use execution {instead!r}, or"
            f" {INTERPRET}=1 to try it without"
        )


@dataclass(frozen=True)
class ImplicitGemm(Convolution):
    """The convolution as a matrix product whose rows are gathered on the way.

    The gradient of the weight is the library's, of a state that is moved and padded.

    Attributes:
        starts: offsets of V, see `_convolution.convolve`.
        starts_back: those of the opposite velocities.
        direct: for the gradient of the weight.
    """

    starts: Int[Tensor, "velocity 2"]
    starts_back: Int[Tensor, "velocity 2"]
    direct: DirectConvolution

    def forward(self, state: ChannelsLast, weight: Tensor) -> ChannelsLast:
        """See `Convolution.forward`."""
        from fernn.cells.flow_equivariant.triton._convolution import convolve

        return convolve(autocast(state), weight, self.starts)

    def step(
        self,
        state: ChannelsLast,
        weight: Tensor,
        lifted: Tensor | None,
        activation: str,
    ) -> ChannelsLast:
        """The next state in one pass; only ReLU is part of it."""
        from fernn.cells.flow_equivariant.triton._convolution import convolve

        rectify = activation == "relu"
        stepped = convolve(autocast(state), weight, self.starts, lifted, rectify)
        return stepped if rectify else IN_PLACE[activation](stepped)

    def backward(self, gradient: ChannelsLast, weight: Tensor) -> ChannelsLast:
        """See `Convolution.backward`: the same with all turned round."""
        from fernn.cells.flow_equivariant.triton._convolution import convolve

        turned = weight.flip(-2, -1).transpose(0, 1)
        return convolve(gradient, turned, self.starts_back)

    def weight_gradient(
        self, state: ChannelsLast, gradient: ChannelsLast, weight: Tensor
    ) -> Tensor:
        """See `Convolution.weight_gradient`."""
        return self.direct.weight_gradient(state, gradient, weight)


class TritonCell(FusedCell):
    """`FusedCell` whose step is one kernel: it moves, convolves, adds and rectifies.

    Args are those of `FlowEquivariantCell`.

    Raises:
        UserError: the flow is not a translation; or, when it computes, the package
            triton or a GPU is missing.
    """

    starts: Tensor
    starts_back: Tensor

    def __init__(self, flow: Flow, *args: Any, **kwargs: Any):
        super().__init__(flow, *args, **kwargs)
        for name, velocities in (
            ("starts", flow.velocities),
            ("starts_back", opposite(flow.velocities)),
        ):
            table = torch.tensor(velocities) + self.kernel // 2
            table %= torch.tensor(self.torus)
            self.register_buffer(name, table.to(torch.int32), persistent=False)

    def convolution(self, state: State) -> Convolution:
        """See `FusedCell.convolution`; without data the library's, to count its work.

        Raises:
            UserError: see `TritonCell`.
        """
        direct = DirectConvolution(self.shift_pad, self.unshift_pad)
        if state.device.type == "meta":
            return direct
        require(state.device, "fused")
        return ImplicitGemm(self.starts, self.starts_back, direct)


class KernelConvolution(RegularConvolution):
    """The harmonic `RegularConvolution` by kernels.

    Args are those of `RegularConvolution`, but its form.
    """

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int,
        orientations: int,
        basis: Basis = "gauss",
        initial: InitialWeights = "uniform",
    ):
        group = orientations, basis, "harmonic", initial
        super().__init__(inputs, outputs, kernel, *group)

    def by_harmonics(self, signal: Tensor, mixing: Tensor) -> Tensor:
        """See `RegularConvolution.by_harmonics`; without data work is only counted.

        Raises:
            UserError: the package triton or a GPU is missing.
        """
        if signal.is_meta:
            return super().by_harmonics(signal, mixing)
        require(signal.device, "comoving")
        return harmonic_convolution(signal, mixing, self.tables)


class TritonComovingCell(ComovingCell):
    """`ComovingCell` on rotations, whose group convolutions are kernels of their own.

    The convolutions of orientations, also those of its decoder, are harmonic, and make
    their reduced planes where they are multiplied.

    Args are those of `FlowEquivariantCell`.

    Raises:
        UserError: when it computes, the package triton or a GPU is missing.
    """

    group_convolution = KernelConvolution


def harmonic_convolution(signal: Tensor, mixing: Tensor, tables: Tables) -> Tensor:
    """The harmonic convolution by kernels.

    Args:
        signal: batch × (orientation channel) × height × width.
        mixing: of `Tables.mixing`.
        tables: of the group and the basis.
    """
    from fernn.cells.flow_equivariant.triton._harmonic import KernelHarmonic

    found = KernelHarmonic.apply(autocast(signal), autocast(mixing), tables)
    assert isinstance(found, Tensor)
    return found


def moved_maxima(state: State, flow: Flow, ahead: Sequence[int]) -> list[Pooled]:
    """See `Cell.moved_maxima`: all maxima by one kernel.

    Args:
        state: of a fused cell.
        flow: on a torus.
        ahead: numbers of steps.
    """
    from fernn.cells.flow_equivariant.triton._maxima import MovedMaxima

    assert flow.torus is not None
    period = math.lcm(*flow.torus)
    steps = tuple(number % period for number in ahead)
    tables = (
        integers(tuple(flow.velocities), state.device),
        integers(steps, state.device),
    )
    maxima = MovedMaxima.apply(channels_last(state), *tables)
    return [each.movedim(-1, 1) for each in maxima.unbind(1)]


@functools.lru_cache(maxsize=256)
def integers(values: tuple[Any, ...], device: torch.device) -> Tensor:
    """On the device; a step needs the same again and again."""
    with torch.inference_mode(False):
        return torch.tensor(values, dtype=torch.int32, device=device)
