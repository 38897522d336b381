"""What every flow offers."""

from __future__ import annotations

from abc import ABC, abstractmethod

from jaxtyping import Float
from torch import Tensor

Velocity = tuple[int, ...]


class Flow(ABC):
    r"""A set V of velocities and the action :math:`\psi_t(\nu)` of each on signals.

    A flow is a one-parameter group: :math:`\psi_0 = e` and
    :math:`\psi_s(\nu)\,\psi_t(\nu) = \psi_{s+t}(\nu)` (section 3 of the paper).

    Attributes:
        velocities: V, in the order of the velocity axis of a hidden state.
    """

    velocities: tuple[Velocity, ...]

    @abstractmethod
    def act(
        self,
        signal: Float[Tensor, "*batch height width"],
        velocity: Velocity,
        time: int = 1,
    ) -> Float[Tensor, "*batch height width"]:
        r""":math:`\psi_t(\nu)\cdot f`, same shape."""

    @abstractmethod
    def difference(self, left: Velocity, right: Velocity) -> int | None:
        """The slot of ``left - right`` in V, or None where V does not hold it."""
