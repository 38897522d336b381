"""A cell of which parts are relaxed: each has a free form beside its strict one.

Strategies such as `fernn.training.strategies.ace` decide how much of which is used.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fernn.cells._base import Lifted, Pooled, State, Video
from fernn.cells.flow_equivariant._relaxations import (
    Leak,
    Lift,
    Place,
    Relaxation,
    Relaxed,
    Shift,
    Slots,
)
from fernn.cells.flow_equivariant.plain import FlowEquivariantCell
from fernn.flows import Flow
from labrun.errors import UserError, require_known

OF_CONVOLUTION, OF_MOVE = ("kernel", "mixing"), ("shift", "leak")


class RelaxedCell(FlowEquivariantCell):
    r"""The FERNN's cell, and beside what its symmetry fixes the same without it.

    ==========  ======================================================================
    ``kernel``  recurrent kernels :math:`W_\nu` that slots do not share
    ``mixing``  kernels :math:`W_{\nu\nu'}` of every pair of slots
    ``shift``   a learned kernel for each slot in place of :math:`\psi_1(\nu)`
    ``leak``    the state that is not moved
    ``lift``    filters :math:`U_\nu` of the input that slots do not share
    ``place``   a gain of each pixel of the state
    ==========  ======================================================================

    The strict weights are those of the plain cell of the same seed, under the same
    names; all others are below ``relaxed``.

    Args are those of `FlowEquivariantCell`, and:
        relaxations: which of these; in any order.

    Raises:
        UserError: an unknown relaxation, one twice, or a flow that does not shift by
            whole pixels.
    """

    def __init__(
        self, flow: Flow, *args: Any, relaxations: Sequence[str] = (), **kwargs: Any
    ):
        super().__init__(flow, *args, **kwargs)
        if flow.torus is None:
            kind = type(flow).__name__
            raise UserError(f"relaxations are of shifts by whole pixels, got a {kind}")
        self.relaxed = nn.ModuleDict()
        with torch.random.fork_rng(devices=[]):  # the decoder is drawn as without
            torch.manual_seed(int(torch.randint(2**62, (), device="cpu")))
            for name in checked(relaxations):
                if name == "readout":  # of a decoder
                    continue
                self.relaxed[name] = self._made(name, flow.torus)

    def _made(self, name: str, frame: tuple[int, int]) -> Relaxation:
        sizes = len(self.flow.velocities), self.hidden, self.kernel
        if name in OF_CONVOLUTION:
            return Slots(*sizes, meet=name == "mixing")
        if name == "lift":
            return Lift(sizes[0], self.channels, *sizes[1:])
        if name == "place":
            return Place(self.hidden, frame)
        return Shift(self.flow) if name == "shift" else Leak()

    def lift(
        self, video: Video, first: int = 0, ahead: int = 0
    ) -> Float[Tensor, "time batch slots hidden height width"]:
        """See `Cell.lift`; relaxed, it is not the same in V."""
        lifted = super().lift(video, first)
        if "lift" in self.relaxed:
            lifted = self.relaxed["lift"](lifted, video)
        return self.lifted_ahead(lifted, ahead)

    def forward(self, lifted: Lifted | None, state: State | None) -> State:
        """See `FlowEquivariantCell.forward`."""
        stepped = super().forward(lifted, state)
        return self.relaxed["place"](stepped) if "place" in self.relaxed else stepped

    def convolve(self, state: State) -> State:
        """See `FlowEquivariantCell.convolve`."""
        return self._relax(OF_CONVOLUTION, super().convolve(state), state)

    def move(self, state: State) -> State:
        """See `Cell.move`."""
        return self._relax(OF_MOVE, super().move(state), state)

    def moved_maxima(
        self, state: State, time: int, ahead: Sequence[int]
    ) -> list[Pooled]:
        """See `Cell.moved_maxima`; each is moved on from the one before."""
        found, done = [], 0
        for steps in ahead:
            state, done = self.moved(state, steps - done), steps
            found.append(state.amax(1))
        return found

    def _relax(self, names: Sequence[str], strict: State, state: State) -> State:
        for name in names:
            if name in self.relaxed:
                strict = self.relaxed[name](strict, state)
        return strict


def checked(relaxations: Sequence[str]) -> list[str]:
    """The names of relaxations, if they are some, each once.

    Raises:
        UserError: one is unknown, or given twice.
    """
    for place, name in enumerate(relaxations):
        require_known("relaxation", name, get_args(Relaxed))
        if name in relaxations[:place]:
            raise UserError(f"the relaxation {name!r} is given twice")
    return list(relaxations)


def relaxation_objection(
    relaxations: Sequence[str], execution: str, mixing: str = "none"
) -> str | None:
    """Why an execution cannot be relaxed; None if it can or nothing is relaxed."""
    if relaxations and execution not in ("auto", "plain"):
        return f"{execution!r} is not relaxed (relaxations); use plain"
    if relaxations and mixing != "none":
        return f"mixed slots (mixing {mixing!r}) are not relaxed; use mixing 'none'"
    return None
