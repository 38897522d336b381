"""The co-moving cell for GPUs: its group convolutions are kernels of their own."""

from __future__ import annotations

from torch import nn

from fernn.cells.comoving import ComovingCell
from fernn.cells.flow_equivariant import Role
from fernn.flows._regular import RegularConvolution


class TritonComovingCell(ComovingCell):
    """`ComovingCell` on rotations, for NVIDIA and AMD GPUs.

    The convolutions of orientations, also those of its decoder, are harmonic, and make
    their reduced planes where they are multiplied.

    Args are those of `FlowEquivariantCell`.

    Raises:
        UserError: when it computes, the package triton or a GPU is missing.
    """

    def layer(self, role: Role, inputs: int, outputs: int) -> nn.Module:
        """See `FlowEquivariantCell.layer`."""
        part = super().layer(role, inputs, outputs)
        if isinstance(part, RegularConvolution):
            part.form = "triton"
        return part
