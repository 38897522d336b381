r"""Masked inputs: a learned constant image is fed in the place of each unknown frame.

.. math::
    h_{t+1}(\nu) = \sigma\bigl(\psi_1(\nu) \cdot [h_t(\nu) \star (W + BA)]
                   + \bar m \mathbin{\hat\star} U\bigr),
    \qquad \hat f_{t+1} = \mathrm{Dec}\bigl(\max_\nu \psi_1(\nu) \cdot h_t(\nu)\bigr)

B A has a low rank and acts in these steps only; W and U are those of the observed
frames, so that a network which reads frames as before is unchanged. The first predicted
frame is read from the last observed state. A constant image and one kernel for all
slots commute with the flow: the roll-out is flow equivariant for a closed V.

Source: M. Samragh and others, 2025, arXiv 2507.11851, with B A after E. J. Hu and
others, LoRA, arXiv 2106.09685.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call

from fernn.cells import Cell
from fernn.models.rollouts import Carry, Unfed
from fernn.velocities import whole
from labrun.errors import UserError


class Mask(nn.Module):
    """The weights of masked steps; at first they change nothing and feed zero.

    Args:
        cell: whose recurrent kernel W is changed, (output, input, side, side).
        rank: of B A; 0 for the constant image alone.

    Attributes:
        image: the constant of each channel, (channel, 1, 1).
        inner: A, (rank, input · side · side).
        outer: B, (output, rank).
    """

    def __init__(self, cell: Any, rank: int):
        super().__init__()
        self.shape = cell.conv_h.weight.shape
        outputs, inputs = self.shape[0], math.prod(self.shape[1:])
        self.image = nn.Parameter(torch.zeros(cell.channels, 1, 1))
        self.inner = nn.Parameter(torch.randn(rank, inputs) / math.sqrt(inputs))
        self.outer = nn.Parameter(torch.zeros(outputs, rank))

    def kernel(self, shared: Tensor) -> Tensor:
        """W + B A."""
        return shared + (self.outer @ self.inner).view(self.shape)


class Masked(Unfed):
    """Step on a constant image with a kernel of its own, and decode the moved state.

    Args:
        rank: see `Mask`.
    """

    def __init__(self, rank: int):
        self.rank = rank

    def weights(self, cell: Cell) -> Mask:
        """See `RollOut.weights`.

        Raises:
            UserError: the cell has no ordinary kernel from state to state.
        """
        if not isinstance(getattr(cell, "conv_h", None), nn.Conv2d):
            raise UserError(
                "rollout masked needs a cell with one convolution `conv_h` of the state"
                f" and no orientations, got a {type(cell).__name__}"
                f" with flow {cell.flow!r}"
            )
        return Mask(cell, self.rank)

    def advance(self, model: Any, carry: Carry) -> Carry:
        """The state one step on; at first as it was observed."""
        state, time = carry.state, carry.time
        if carry.memory:
            state, time = step(model, state, time), time + 1
        return Carry(state, time, memory=True)


def step(model: Any, state: Tensor, time: int) -> Tensor:
    """The state after a masked frame.

    Args:
        model: a forecaster with the weights of this roll-out.
        state: after `time` frames.
        time: how many.
    """
    cell, mask = model.cell, model.rollout_weights
    frame = mask.image.expand(len(state), 1, -1, *state.shape[-2:])
    kernel = {"conv_h.weight": mask.kernel(cell.conv_h.weight)}
    return functional_call(cell, kernel, (cell.lift(frame, time)[0], state))


def build(*, rank: int = 4) -> Masked:
    """Masked steps whose kernels differ from W by a matrix of a low rank.

    Raises:
        UserError: the rank is negative.
    """
    return Masked(whole(rank, "rank must not be negative", least=0))
