r"""Parallel LSTMs on the graph of a grid: memories that walk from cell to cell.

A memory is a matrix on each edge. Node (x, y) reads those that come from the left, l,
and from above, t, and sends one to the right and one down (K. Pöppel and others, 2025,
arXiv 2506.11997):

.. math::
   r &= T_{rl}\, l + T_{rt}\, t + S_r\, k v^\top, \qquad
   d = T_{dl}\, l + T_{dt}\, t + S_d\, k v^\top \\
   y &= q^\top (M_l\, l + M_t\, t) + D\, (q^\top k)\, v

In mode ``P`` a share :math:`\alpha` goes to the right and the rest down, so that what
is sent is what came, times T. In mode ``D`` memories go straight or turn from down to
right, :math:`T_{dl} = 0`: from one node to another there is one path. The number of
paths with all factors 1 grows as :math:`2^n` with the distance n, and both modes keep
what arrives bounded.

Four walks begin in the four corners (`fernn.models._walks`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fernn.models._walks import Gate, Walk, walked
from labrun.errors import UserError, require_known

Mode = Literal["P", "D"]
Grid = Float[Tensor, "batch rows columns width"]
FLIPS: tuple[tuple[int, ...], ...] = ((), (1,), (2,), (1, 2))  # axes of a grid
KEPT = 3.0  # the logit of T at first: a memory fades to a third in 22 steps


class Plstm(nn.Module):
    r"""One layer of walks from all corners, with the connections of its block.

    .. math:: x \leftarrow x + W \,\mathrm{LN}\Big(\tfrac14 \sum_{\text{corners}} y\Big)

    q, k and v are linear in LN(x). A corner has gates of its own, which see 3×3 nodes
    by a depthwise convolution with zeros beyond the border: S, M and D are sigmoids, T
    is :math:`\sigma(3 + \dots)` and α :math:`\sigma(b + \dots)` with b from -2 to 2
    over the heads. The published code has :math:`\alpha T` and :math:`1 - \alpha T` in
    mode P, which sum to 1 for every T, and flips along one axis alone; here T scales
    both, so that memories can fade, and all four corners begin a walk.

    Args:
        width: of a node.
        heads: memories of an edge, which divide the width.
        mode: ``P`` or ``D``.

    Raises:
        UserError: an unknown mode, or heads that do not divide the width.
    """

    def __init__(self, width: int, heads: int, mode: Mode):
        super().__init__()
        require_known("mode", mode, get_args(Mode))
        if width % heads:
            raise UserError(f"heads must divide the width {width}, got {heads}")
        self.mode: Mode = mode
        self.heads, self.kinds = heads, 6 if mode == "P" else 8
        self.enter, self.leave = nn.LayerNorm(width), nn.LayerNorm(width)
        self.project = nn.Linear(width, 3 * width)
        self.near = nn.Conv2d(width, width, 3, padding=1, groups=width)
        self.ask = nn.Linear(width, len(FLIPS) * self.kinds * heads)
        self.out = nn.Linear(width, width)
        with torch.no_grad():
            bias = self.ask.bias.view(len(FLIPS), self.kinds, heads)
            bias.zero_()
            bias[:, 0] = KEPT
            bias[:, 1] = torch.linspace(-2, 2, heads) if mode == "P" else KEPT

    def forward(self, grid: Grid) -> Grid:
        """The grid after the layer."""
        normal = self.enter(grid)
        query, key, value = self.project(normal).chunk(3, dim=-1)
        near = normal + self.near(normal.movedim(-1, 1)).movedim(1, -1)
        gates = self.ask(near).unflatten(-1, (len(FLIPS), self.kinds, self.heads))
        gates = gates.movedim(-3, 0)
        key = key / math.sqrt(key.shape[-1] // self.heads)
        nodes = [each.unflatten(-1, (self.heads, -1)) for each in (query, key, value)]
        query, key, value = (_from_corners(len(FLIPS) * [each]) for each in nodes)
        *shares, here = _from_corners([*gates]).unbind(-2)
        read = walked(query, key, value, FACTORS[self.mode](*shares))
        read = read + here.sigmoid()[..., None] * (query * key).sum(-1, True) * value
        walks = zip(read.chunk(len(FLIPS)), FLIPS, strict=True)
        found = torch.stack([walk.flip(axes) for walk, axes in walks]).mean(0)
        return grid + self.out(self.leave(found.flatten(-2)))


def _from_corners(grids: list[Tensor]) -> Tensor:
    """A grid for each corner, turned so that it is the first, as samples of one."""
    return torch.cat([g.flip(axes) for g, axes in zip(grids, FLIPS, strict=True)])


def _conserving(
    keep: Gate, share: Gate, send: Gate, read_left: Gate, read_top: Gate
) -> Walk:
    """Mode P: what is sent is what came, times T."""
    keep, share, send = keep.sigmoid(), share.sigmoid(), send.sigmoid()
    right, down = keep * share, keep * (1 - share)
    sent = share * send, (1 - share) * send
    return Walk(
        right, right, down, down, *sent, read_left.sigmoid(), read_top.sigmoid()
    )


def _directed(
    right: Gate,
    down: Gate,
    turn: Gate,
    send_right: Gate,
    send_down: Gate,
    read_left: Gate,
    read_top: Gate,
) -> Walk:
    """Mode D: straight on, or a turn to the right."""
    ways = right.sigmoid(), turn.sigmoid(), torch.zeros_like(down), down.sigmoid()
    sent = send_right.sigmoid(), send_down.sigmoid()
    return Walk(*ways, *sent, read_left.sigmoid(), read_top.sigmoid())


FACTORS: dict[Mode, Callable[..., Walk]] = {"P": _conserving, "D": _directed}
