r"""A frame as an item, and self-attention over the last items: SASRec.

.. math::
   x_t &= \sqrt d \sum_k w_{tk} e_k + p_{T-t}, \qquad
   w_t = \mathrm{softmax}_k(-\beta \lVert f_t - c_k \rVert^2 / S^2) \\
   x &\leftarrow N x + A(N x, x, x), \qquad
   x \leftarrow N x + W_2\, \mathrm{ReLU}(W_1 N x) \\
   \hat f_{T+1} &= \textstyle\sum_k c_k\, \mathrm{softmax}_k(e_k \cdot N x_T)

The queries of the causal attention alone are normalised, positions are counted from the
newest item, and answers are by the vectors of the items. In the paper items are bought;
here they are K frames c that are learnt, and a frame is the nearest of them, softly, so
that gradients reach them. Nothing is dropped out.

A frame has no pixels for this model: no shift and no flow moves its predictions. It
predicts mixtures of K frames, and knows many places or many digits, not both.

Source: W.-C. Kang, J. McAuley, 2018, arXiv 1808.09781.
"""

from __future__ import annotations

import math
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from fernn.flows import Size
from fernn.flows._base import frame_of
from fernn.models._recurrent import Frame, Recurrent
from fernn.velocities import whole
from labrun.errors import UserError, require_known

Position = Literal["learned", "none"]
Items = Float[Tensor, "batch item width"]


class Block(nn.Module):
    """Causal attention and a network, each with its input normalised and added.

    Args:
        width: of an item.
        heads: of the attention, which divide it.
    """

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query = nn.Linear(width, width)
        self.known = nn.Linear(width, 2 * width)
        self.network = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width)
        )

    def forward(self, items: Items) -> Items:
        """The items after the block; none knows a later one."""
        normal = self.before(items)
        parts = [self.query(normal), *self.known(items).chunk(2, dim=-1)]
        heads = [p.unflatten(-1, (self.heads, -1)).transpose(1, 2) for p in parts]
        found = F.scaled_dot_product_attention(*heads, is_causal=True)
        normal = self.between(normal + found.transpose(1, 2).flatten(2))
        return normal + self.network(normal)


class Attention(nn.Module):
    """The vectors of items, blocks, and how likely each item is the next.

    Args:
        items: how many there are.
        width: of their vectors.
        blocks: how many.
        heads: of each.
        window: items that are seen.
        position: ``learned``, a vector for each age of an item, or ``none``.
    """

    def __init__(
        self,
        items: int,
        width: int,
        blocks: int,
        heads: int,
        window: int,
        position: Position,
    ):
        super().__init__()
        self.vectors = nn.Parameter(torch.randn(items, width) / math.sqrt(width))
        self.ages = None
        if position == "learned":
            self.ages = nn.Parameter(0.02 * torch.randn(window, width))
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(blocks))
        self.norm = nn.LayerNorm(width)

    def forward(
        self, shares: Float[Tensor, "batch item items"]
    ) -> Float[Tensor, "batch item items"]:
        """After each item, given as shares of all: a logit of each."""
        x = math.sqrt(self.vectors.shape[1]) * shares @ self.vectors
        if self.ages is not None:
            x = x + self.ages[: x.shape[1]].flip(0)
        for block in self.blocks:
            x = block(x)
        return self.norm(x) @ self.vectors.T


class Sasrec(Recurrent):
    """Frames that are learnt, and attention over the last ones.

    Args:
        size: height and width of a frame, pixels.
        hidden: width of an item.
        codes: frames that are learnt, K.
        blocks: of attention.
        heads: of each.
        window: last frames that are seen.
        sharpness: β.
        position: ``learned`` or ``none``.

    Raises:
        UserError: an unknown position, a number that is none, or heads that do not
            divide the width.
    """

    def __init__(
        self,
        size: Size,
        hidden: int = 50,
        codes: int = 256,
        blocks: int = 2,
        heads: int = 1,
        window: int = 20,
        sharpness: float = 100.0,
        position: Position = "learned",
    ):
        super().__init__()
        require_known("position", position, get_args(Position))
        given = {"hidden": hidden, "codes": codes, "blocks": blocks, "heads": heads}
        for name, value in {**given, "window": window}.items():
            whole(value, f"{name} must be positive", least=1)
        if hidden % heads:
            raise UserError(f"heads must divide the width {hidden}, got {heads}")
        self.sharpness, self.window, self.frame = sharpness, window, frame_of(size)
        self.centres = nn.Parameter(torch.rand(codes, math.prod(self.frame)))
        self.attend = Attention(codes, hidden, blocks, heads, window, position)

    def step(self, frame: Frame, state: Tensor | None) -> Tensor:
        """The shares of the last frames, the oldest first."""
        pixels = frame.flatten(1)
        apart = torch.cdist(pixels, self.centres).square() / pixels.shape[1]
        shares = (-self.sharpness * apart).softmax(-1)[:, None]
        seen = shares if state is None else torch.cat([state, shares], dim=1)
        return seen[:, -self.window :]

    def read(self, state: Tensor) -> Frame:
        """The mean of the learnt frames, each as likely as it is the next."""
        likely = self.attend(state)[:, -1].softmax(-1)
        return (likely @ self.centres).unflatten(1, (1, *self.frame))


build = Sasrec
