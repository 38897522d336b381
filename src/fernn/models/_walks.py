r"""Memories that walk over a grid, anti-diagonal by anti-diagonal.

The equations of r, d and y are those of `fernn.models._plstm`; the last term of y is
added there. All nodes of an anti-diagonal are computed at once, in X + Y - 1 steps.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

Nodes = Float[Tensor, "sample rows columns head width"]
Gate = Float[Tensor, "sample rows columns head"]
Edges = Float[Tensor, "step sample row head key value"]


class Walk(NamedTuple):
    """The factors of the edges of each node: of what comes, to where it goes."""

    right_left: Gate
    right_top: Gate
    down_left: Gate
    down_top: Gate
    send_right: Gate
    send_down: Gate
    read_left: Gate
    read_top: Gate


def walked(query: Nodes, key: Nodes, value: Nodes, gates: Walk) -> Nodes:
    """What each node reads of the memories that reach it, from the first corner on."""
    columns = query.shape[2]
    query, key, value = _skewed(query), _skewed(key), _skewed(value)
    now = Walk(*(_skewed(gate)[..., None, None] for gate in gates))
    written = key[..., :, None] * value[..., None, :]
    left, top = Memories.apply(written, *now[:6])  # pyright: ignore[reportGeneralTypeIssues]
    query = query[..., None, :]
    read = query @ left * now.read_left + query @ top * now.read_top
    return _straight(read.squeeze(-2), columns)


def _skewed(nodes: Tensor) -> Tensor:
    """Anti-diagonals as the first axis: (step, sample, row, …), zero where none is.

    Factors are zero there too, so that nothing leaves the grid and comes back.
    """
    rows, columns = nodes.shape[1:3]
    after = [0, 0] * (nodes.ndim - 3)
    long = F.pad(nodes, (*after, 0, rows)).flatten(1, 2)  # each row, a gap of `rows`
    long = long[:, : rows * (columns + rows - 1)]
    return long.unflatten(1, (rows, columns + rows - 1)).movedim(2, 0).contiguous()


def _straight(steps: Tensor, columns: int) -> Tensor:
    """The inverse of `_skewed`."""
    long, rows = steps.movedim(0, 2).flatten(1, 2), steps.shape[2]
    after = [0, 0] * (steps.ndim - 3)
    long = F.pad(long, (*after, 0, rows))
    return long.unflatten(1, (rows, columns + rows))[:, :, :columns]


class Memories(torch.autograd.Function):
    r"""What reaches the nodes of each anti-diagonal, from the left and from above.

    Gradients take the same walk backwards: with :math:`\bar r` and :math:`\bar d`,
    those of what a node has sent,

    .. math::
       \bar l = \partial_l + T_{rl}\, \bar r + T_{dl}\, \bar d, \qquad
       \bar t = \partial_t + T_{rt}\, \bar r + T_{dt}\, \bar d,

    a factor's is the product of what came and of what it sent, such as
    :math:`\partial T_{rl} = \langle \bar r, l \rangle`, and that of :math:`k v^\top` is
    :math:`S_r\, \bar r + S_d\, \bar d`.
    """

    @staticmethod
    def forward(ctx, written: Edges, *gates: Tensor) -> tuple[Edges, Edges]:
        """From the left and from above; `gates` are the first six of `Walk`."""
        left, top = torch.zeros_like(written), torch.zeros_like(written)
        for step in range(len(written) - 1):
            came = left[step], top[step], written[step]
            now = [gate[step] for gate in gates]
            _sum(left[step + 1], came, (now[0], now[1], now[4]))
            ways = [gate[:, :-1] for gate in (now[2], now[3], now[5])]
            _sum(top[step + 1, :, 1:], [memory[:, :-1] for memory in came], ways)
        ctx.save_for_backward(written, left, top, *gates)
        return left, top

    @staticmethod
    @once_differentiable
    def backward(ctx, of_left: Edges, of_top: Edges) -> tuple[Tensor, ...]:
        """The gradients of what is written and of each factor."""
        written, left, top, *gates = ctx.saved_tensors
        right, down = torch.zeros_like(written), torch.zeros_like(written)
        for step in reversed(range(len(written) - 1)):
            # What a node has sent right is l, and down t a row below, one step later.
            right[step] = of_left[step + 1]
            down[step, :, :-1] = of_top[step + 1, :, 1:]
            later = [gate[step + 1] for gate in gates]
            sent = right[step + 1], down[step + 1]
            _add(right[step], sent, (later[0], later[2]))
            ways = [gate[:, 1:] for gate in (later[1], later[3])]
            _add(down[step, :, :-1], [memory[:, 1:] for memory in sent], ways)
        pairs = (right, left), (right, top), (down, left), (down, top)
        pairs += (right, written), (down, written)
        inner = (torch.einsum("...kv,...kv->...", *pair) for pair in pairs)
        of_gates = (each[..., None, None] for each in inner)
        return gates[4] * right + gates[5] * down, *of_gates


def _sum(into: Tensor, memories, factors) -> None:
    """Write the sum of memories times factors."""
    torch.mul(memories[0], factors[0], out=into)
    _add(into, memories[1:], factors[1:])


def _add(into: Tensor, memories, factors) -> None:
    """Add memories times factors."""
    for memory, factor in zip(memories, factors, strict=True):
        into.addcmul_(memory, factor)
