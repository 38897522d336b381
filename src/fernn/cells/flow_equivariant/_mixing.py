r"""Cells whose slots are mixed: for objects that change their velocity.

The flow convolution of the paper sums over V,

.. math:: [h \star W](\nu) = \sum_{\nu' \in V} h(\nu') \star W(\nu' - \nu),

and its experiments without mixing are the case where W is nothing but at zero.
"""

from __future__ import annotations

import itertools
from typing import Any, Literal, get_args

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Int
from torch import Tensor, nn

from fernn.cells._base import State
from fernn.cells.flow_equivariant.plain import FlowEquivariantCell, initialise
from fernn.flows import Flow, Velocity
from fernn.velocities import whole
from labrun.errors import UserError, require_known


class LatticeCell(FlowEquivariantCell):
    r"""Every slot gets its neighbours in V through one kernel that all slots share.

    On a closed V a flow of the input still permutes the slots, since
    :math:`\nu' - \nu` does not change. A truncated V has no slot beyond its border and
    gets nothing from there. The parameters of the recurrent convolution are those of
    the unmixed one times the number of neighbours, 9 for radius 1 in two dimensions.

    Args are those of `FlowEquivariantCell`, and:
        radius: how many steps of V's lattice apart neighbours may be, on each axis.

    Raises:
        UserError: a radius below one.
    """

    STACKED = ("hidden", "channels", "members")
    sources: Int[Tensor, " slots_of_offsets"]

    def __init__(self, flow: Flow, *args: Any, radius: int = 1, **kwargs: Any):
        super().__init__(flow, *args, **kwargs)
        apart = _offsets(flow, radius)
        hidden = self.hidden
        self.conv_h = self.layer("convolution", hidden, len(apart) * hidden)
        with torch.no_grad():  # as if the sum over offsets were one convolution
            for weight in self.conv_h.parameters():
                weight /= len(apart) ** 0.5
        initialise(self.conv_h, self.initial)
        self.register_buffer("sources", _sources(flow, apart), persistent=False)

    def convolve(self, state: State) -> State:
        """See `FlowEquivariantCell.convolve`; a backward pass keeps the state alone."""
        convolved = self.conv_h(rearrange(state, "b v c h w -> (b v) c h w"))
        slots, sizes = state.shape[1], {"m": self.members, "r": self.flow.fibre}
        sizes["c"] = self.hidden // self.members
        sent = rearrange(
            convolved, "(b v) (m r d c) h w -> b (v d) (m r c) h w", v=slots, **sizes
        )
        return _received(sent, self.sources, slots)


class FeatureMixing(nn.Module):
    r"""Each feature of a slot hears the same feature of the neighbours in V.

    .. math:: h'(\nu) = \sum_\mu h(\nu + \mu) \star K_\mu

    :math:`K_\mu` has a kernel for each feature and is shared by all slots, so that a
    flow of the input still permutes the slots of a closed V; a truncated V has nothing
    beyond its border. It begins as the identity: :math:`K_0` is the delta kernel, and
    the others are zero.

    Args:
        flow: V and its action, without orientations.
        hidden: features of a slot.
        kernel: side of the kernels, odd.
        radius: how many steps of V's lattice apart neighbours may be, on each axis.

    Raises:
        UserError: a radius below one.
    """

    sources: Int[Tensor, " slots_of_offsets"]

    def __init__(self, flow: Flow, hidden: int, kernel: int, radius: int):
        super().__init__()
        apart = _offsets(flow, radius)
        self.convolution = nn.Conv2d(
            hidden,
            hidden * len(apart),
            kernel,
            padding=kernel // 2,
            padding_mode=flow.padding,
            groups=hidden,
            bias=False,
        )
        still = apart.index((0,) * len(apart[0]))
        with torch.no_grad():
            kernels = self.convolution.weight.zero_().unflatten(0, (hidden, -1))
            kernels[:, still, 0, kernel // 2, kernel // 2] = 1
        self.register_buffer("sources", _sources(flow, apart), persistent=False)

    def forward(self, state: State) -> State:
        """The mixed state."""
        slots, hidden = state.shape[1:3]
        images = self.convolution(rearrange(state, "b v c h w -> (b v) c h w"))
        sizes = {"v": slots, "c": hidden}
        sent = rearrange(images, "(b v) (c d) h w -> b (v d) c h w", **sizes)
        return _received(sent, self.sources, slots)


class FullCell(FlowEquivariantCell):
    r"""Every slot gets every other through a kernel of that pair, W(ν, ν').

    Weights that are not tied know the velocities apart, so a flow of the input is not
    followed: the comparison that shows what sharing is good for.

    Args are those of `FlowEquivariantCell`.
    """

    def __init__(self, flow: Flow, *args: Any, **kwargs: Any):
        super().__init__(flow, *args, **kwargs)
        channels = len(flow.velocities) * self.hidden
        self.conv_h = self.layer("convolution", channels, channels)
        initialise(self.conv_h, self.initial)

    def convolve(self, state: State) -> State:
        """See `FlowEquivariantCell.convolve`."""
        slots, fibre = state.shape[1], self.flow.fibre
        together = rearrange(state, "b v (r c) h w -> b (r v c) h w", r=fibre)
        mixed = self.conv_h(together)
        return rearrange(mixed, "b (r v c) h w -> b v (r c) h w", v=slots, r=fibre)


Mixing = Literal["none", "lattice", "full"]


def offsets(flow: Flow, radius: int) -> list[Velocity]:
    """Differences of velocities up to `radius` steps of V's lattice on each axis.

    A step is the smallest distance in V along the axis; an axis along which V has one
    speed alone has no neighbours.
    """
    axes = []
    for speeds in zip(*flow.velocities, strict=True):
        known = sorted(set(speeds))
        gaps = [fast - slow for slow, fast in itertools.pairwise(known)]
        steps = range(-radius, radius + 1) if gaps else [0]
        axes.append([step * min(gaps, default=0) for step in steps])
    return list(itertools.product(*axes))


def _offsets(flow: Flow, radius: int) -> list[Velocity]:
    return offsets(flow, whole(radius, "mixing_radius must be positive", least=1))


def _received(sent: Tensor, sources: Tensor, slots: int) -> State:
    """What each slot gets, a sum over offsets.

    Args:
        sent: batch × slots of offsets × features × height × width; offsets inmost.
        sources: of `_sources`.
        slots: how many.
    """
    with_zero = F.pad(sent, 3 * (0, 0) + (0, 1))  # for what V does not hold
    received = with_zero.index_select(1, sources)
    return rearrange(received, "b (v d) c h w -> b v d c h w", v=slots).sum(2)


def _sources(flow: Flow, apart: list[Velocity]) -> Int[Tensor, " slots_of_offsets"]:
    """What each slot gets: the places of ``(ν + offset, offset)``, offsets inmost.

    One past the last stands for what V does not hold.
    """
    beyond, table = len(flow.velocities) * len(apart), []
    for velocity in flow.velocities:
        for place, offset in enumerate(apart):
            slot = flow.difference(velocity, tuple(-part for part in offset))
            table.append(beyond if slot is None else slot * len(apart) + place)
    return torch.tensor(table)


def mixing_objection(mixing: str, execution: str) -> str | None:
    """Why an execution does not mix slots; None if it does or they are not mixed."""
    if mixing == "none" or execution in ("auto", "plain"):
        return None
    return f"{execution!r} does not mix slots (mixing {mixing!r}); use plain"


def build(
    mixing: Mixing, execution: str, flow: Flow, *, radius: int, **options: Any
) -> FlowEquivariantCell:
    """A cell that mixes its slots; it has the plain execution alone.

    Args:
        mixing: ``lattice`` or ``full``.
        execution: ``auto`` or ``plain``.
        flow: V and its action.
        radius: of ``lattice``.
        options: others of `FlowEquivariantCell`.

    Raises:
        UserError: there is no such mixing, or it does not run in this execution.
    """
    require_known("mixing", mixing, get_args(Mixing))
    refusal = mixing_objection(mixing, execution)
    if refusal:
        raise UserError(f"execution {refusal}")
    if mixing == "full":
        return FullCell(flow, **options)
    return LatticeCell(flow, radius=radius, **options)
