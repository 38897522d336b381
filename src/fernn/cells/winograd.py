"""The fused step with half the multiplications, in tiles that stay in the cache."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from fernn.cells._minimal import Minimal
from fernn.cells._step import Convolution
from fernn.cells.fused import FusedCell
from fernn.flows import Flow
from labrun.errors import UserError


class WinogradCell(FusedCell):
    """`FusedCell` for 3×3 kernels: the shift is fused into the reading of tiles.

    Args are those of `FlowEquivariantCell`.

    Raises:
        UserError: the flow is not a translation, or the kernel not 3×3.
    """

    def __init__(self, flow: Flow, *args: Any, **kwargs: Any):
        super().__init__(flow, *args, **kwargs)
        if self.kernel != 3:
            raise UserError(
                f"execution 'winograd' needs a kernel of 3, got {self.kernel};"
                " use execution 'fused'"
            )

    def convolution(self, state: Tensor) -> Convolution:
        """See `FusedCell.convolution`."""
        return Minimal(self.flow.velocities)
