"""Rotations about the centre of the frame, on states with an axis of orientations."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Literal, get_args

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from fernn.flows._base import Flow, Size, Velocity, frame_of
from fernn.flows._basis import BASES, KERNELS, Basis
from fernn.flows._initial_weights import InitialWeights
from fernn.flows._regular import Lifting, Projection, RegularConvolution
from fernn.flows._rotate import rotate
from fernn.velocities import checked, whole
from labrun.errors import UserError, require_known

WAYS = ("max_speed", "velocities", "closed")  # to give V
Interpolation = Literal["bicubic", "bilinear"]


class Rotation(Flow):
    r"""Rotations by whole degrees per frame, counter-clockwise, and the group C_N.

    .. math:: (\psi_t(\omega) \cdot f)(x) = f(R_{-t\omega} x)

    A state has N orientations of each hidden channel, as ``(orientation hidden)``
    channels: orientation s stands for a pattern turned by :math:`360°s/N`, so a
    rotation also moves the orientations on. The action is exact for multiples of 90
    degrees; in between frames are interpolated, and orientations too where
    :math:`t\omega` is no multiple of 360°/N. Velocities
    are (degrees per frame,), the same modulo 360.

    Args:
        velocities: the set V, in the order of the velocity axis.
        orientations: N.
        basis: of the kernels, ``gauss`` or the published ``rings``.
        interpolation: ``bicubic`` or ``bilinear``.
        initial_weights: of the convolutions of frames and of orientations:
            ``uniform``, or ``he``, the published ones.

    Raises:
        UserError: V is empty, a velocity is no whole number of degrees, two are equal,
            or a name is unknown.
    """

    padding = "zeros"
    basis: Basis

    def __init__(
        self,
        velocities: Iterable[Sequence[int]],
        orientations: int,
        basis: Basis = "gauss",
        interpolation: Interpolation = "bicubic",
        initial_weights: InitialWeights = "uniform",
    ):
        orientations = whole(orientations, "orientations must be positive", least=1)
        require_known("basis", basis, BASES)
        require_known("interpolation", interpolation, get_args(Interpolation))
        require_known("initial_weights", initial_weights, get_args(InitialWeights))
        self.velocities = checked(velocities, ("degrees",), "degrees")
        self.fibre, self.basis, self.interpolation = orientations, basis, interpolation
        self.initial_weights: InitialWeights = initial_weights
        self.kernel = KERNELS[basis]
        self._slots = {nu[0] % 360: slot for slot, nu in enumerate(self.velocities)}
        if not self.velocities:
            raise UserError("a flow needs at least one velocity; V is empty")
        if len(self._slots) < len(self.velocities):
            raise UserError(
                f"two angular velocities of V are equal modulo 360 degrees; V has"
                f" {len(self.velocities)}, of which {len(self._slots)} differ"
            )

    def act(
        self,
        signal: Float[Tensor, "*batch height width"],
        velocity: Velocity,
        time: int = 1,
    ) -> Float[Tensor, "*batch height width"]:
        r""":math:`\psi_t(\omega)\cdot f`: each frame turned by :math:`t\omega`."""
        return rotate(signal, velocity[0] * time, self.interpolation)

    def act_on_state(
        self,
        state: Float[Tensor, "*batch hidden height width"],
        velocity: Velocity,
        time: int = 1,
    ) -> Float[Tensor, "*batch hidden height width"]:
        r"""Turn the frames and move the orientations on by :math:`t\omega N/360°`."""
        degrees = velocity[0] * time % 360
        steps, rest = divmod(degrees * self.fibre, 360)
        if rest:
            state = _shift(state, degrees * self.fibre / 360, self.fibre)
        elif steps:
            state = state.roll(steps * (state.shape[-3] // self.fibre), -3)
        return rotate(state, degrees, self.interpolation)

    def difference(self, left: Velocity, right: Velocity) -> int | None:
        """The slot of ``left - right`` modulo 360 degrees, or None."""
        return self._slots.get((left[0] - right[0]) % 360)

    def frame_objection(self, height: int, width: int) -> str | None:
        """See `Flow.frame_objection`: a quarter turn swaps height and width."""
        return None if height == width else _needs_squares(height, width)

    def lab_objection(self) -> str | None:
        """See `Flow.lab_objection`: each step must map orientations to orientations."""
        for (degrees,) in self.velocities:
            if degrees * self.fibre % 360:
                return (
                    f"in the lab frame {degrees} degrees/frame must be a multiple of"
                    f" 360/{self.fibre} degrees; use execution 'comoving'"
                )
        return None

    def lifting(self, channels: int, hidden: int, kernel: int) -> nn.Module:
        """See `Flow.lifting`."""
        group = kernel, self.fibre, self.basis
        return Lifting(channels, hidden, *group, initial=self.initial_weights)

    def convolution(self, inputs: int, outputs: int, kernel: int) -> nn.Module:
        """See `Flow.convolution`."""
        group = kernel, self.fibre, self.basis
        return RegularConvolution(inputs, outputs, *group, initial=self.initial_weights)

    def projection(self, hidden: int, channels: int, kernel: int) -> nn.Module:
        """See `Flow.projection`."""
        return Projection(hidden, channels, kernel, self.fibre, self.basis)


def _needs_squares(height: int, width: int) -> str:
    return f"rotations need square frames, got {height}×{width} pixels"


def _shift(state: Tensor, steps: float, orientations: int) -> Tensor:
    """Move the orientations by a fraction of their distance, by Fourier phases."""
    kind = {"dtype": torch.float64, "device": state.device}
    place = torch.arange(orientations, **kind)
    apart = place[:, None] - place - steps
    wave = torch.arange(-(orientations // 2), (orientations + 1) // 2, **kind)
    weight = torch.cos(2 * math.pi * apart[..., None] * wave / orientations)
    matrix = weight.mean(-1).to(state.dtype)
    parts = rearrange(state, "... (r c) h w -> ... r (c h w)", r=orientations)
    return (matrix @ parts).reshape(state.shape)


def build(
    size: Size,
    orientations: int,
    max_speed: int | None = None,
    step: int | None = None,
    velocities: list[int] | None = None,
    closed: bool = False,
    basis: Basis = "gauss",
    interpolation: Interpolation = "bicubic",
    initial_weights: InitialWeights = "uniform",
) -> Rotation:
    """V up to ``max_speed`` steps, as a list, or ``closed``: all multiples of a step.

    Args:
        size: of the square frame; rotations do not depend on it.
        orientations: N.
        max_speed: the fastest, both ways, in steps.
        step: between angular velocities, degrees per frame; None for 360/N.
        velocities: degrees per frame.
        closed: whether V is all multiples of a step.
        basis: see `Rotation`.
        interpolation: see `Rotation`.
        initial_weights: see `Rotation`.

    Raises:
        UserError: none or several of the three are given, 360/N is no whole number, or
            the frame is not square.
    """
    height, width = frame_of(size)
    if height != width:
        raise UserError(_needs_squares(height, width))
    given = [max_speed is not None, velocities is not None, closed]
    if sum(given) != 1:
        raise UserError(
            "a rotation flow takes one of max_speed, velocities and closed,"
            f" got {sum(given)} of them"
        )
    options = orientations, basis, interpolation, initial_weights
    if velocities is not None:
        return Rotation([(degrees,) for degrees in velocities], *options)
    if step is None and orientations > 0 and 360 % orientations:
        raise UserError(
            f"360/{orientations} degrees is no whole number; give step or velocities"
        )
    step = step or 360 // max(1, orientations)
    if max_speed is None:
        return Rotation([(degrees,) for degrees in range(0, 360, step)], *options)
    return Rotation([(degrees,) for degrees in around(max_speed, step)], *options)


def around(max_speed: int, step: int) -> list[int]:
    """The multiples of `step` degrees up to `max_speed` steps, both ways, in order.

    Of those that are equal modulo 360 degrees the last stays.
    """
    found = [step * index for index in range(-max_speed, max_speed + 1)]
    latest = {degrees % 360: degrees for degrees in found}
    return sorted(latest.values())
