"""Integer translations of the torus."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from fernn.flows._base import Flow, Frame, Size, frame_of
from fernn.velocities import Velocity, checked, square
from labrun.errors import UserError

TORUS = True  # velocities are pixels per frame, the same modulo the size
WAYS = ("max_speed", "velocities", "closed")  # to give V


class Translation(Flow):
    r"""Translations by whole pixels per frame on a torus of `size` pixels.

    .. math:: (\psi_t(\nu) \cdot f)(x) = f(x - t \nu)

    The action is exact and invertible. Velocities are (rows, columns) in pixels per
    frame and are the same modulo the rows and columns of the frame.

    Args:
        velocities: the set V, in the order of the velocity axis.
        size: side of a square frame, or its (rows, columns), pixels.

    Raises:
        UserError: V is empty, a velocity is no pair of whole numbers, two are equal on
            this torus, or the size is not positive.
    """

    def __init__(self, velocities: Iterable[Sequence[int]], size: Size):
        self.velocities = checked(velocities, ("rows", "columns"), "pixels")
        self._torus = rows, columns = frame_of(size)
        self.size = rows if rows == columns else self._torus
        self._slots = {self._wrap(v): slot for slot, v in enumerate(self.velocities)}
        if not self.velocities:
            raise UserError("a flow needs at least one velocity; V is empty")
        if len(self._slots) < len(self.velocities):
            raise UserError(
                f"two velocities of V are equal on a frame of {self.size} pixels;"
                f" V has {len(self.velocities)}, of which {len(self._slots)} differ"
            )

    @property
    def torus(self) -> Frame:
        """Height and width, pixels."""
        return self._torus

    def _wrap(self, velocity: Velocity) -> Velocity:
        (rows, columns), (height, width) = velocity, self.torus
        return rows % height, columns % width

    def frame_objection(self, height: int, width: int) -> str | None:
        """See `Flow.frame_objection`: another torus has other shifts."""
        if (height, width) == self.torus:
            return None
        rows, columns = self.torus
        size = height if height == width else (height, width)
        return (
            f"frames are {height}×{width} pixels, the flow's torus {rows}×{columns};"
            f" resize the frames, or build the flow with size={size}"
        )

    def act(
        self,
        signal: Float[Tensor, "*batch height width"],
        velocity: Velocity,
        time: int = 1,
    ) -> Float[Tensor, "*batch height width"]:
        r""":math:`\psi_t(\nu)\cdot f`, exactly."""
        rows, columns = velocity
        return torch.roll(signal, (time * rows, time * columns), dims=(-2, -1))

    def difference(self, left: Velocity, right: Velocity) -> int | None:
        """The slot of ``left - right`` on the torus, or None."""
        apart = tuple(a - b for a, b in zip(left, right, strict=True))
        return self._slots.get(self._wrap(apart))


def build(
    size: Size,
    max_speed: int | None = None,
    velocities: Iterable[Sequence[int]] | None = None,
    closed: bool = False,
) -> Translation:
    """V as ``max_speed`` (a square), as a list, or ``closed``: all of the torus.

    Raises:
        UserError: none or several of the three are given.
    """
    given = [max_speed is not None, velocities is not None, closed]
    if sum(given) != 1:
        raise UserError(
            "a translation flow takes one of max_speed, velocities and closed,"
            f" got {sum(given)} of them"
        )
    if closed:
        return Translation(itertools.product(*map(range, frame_of(size))), size)
    if max_speed is not None:
        return Translation(square(max_speed), size)
    return Translation(velocities or (), size)
