"""Attention over time, then over space, then a layer of each token by itself."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

Tokens = Float[Tensor, "batch time place width"]
Cache = Float[Tensor, "2 places head past channel"]  # keys and values of frames


class Attention(nn.Module):
    """Scaled dot products of several heads, along the last axis but one."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads, inner = heads, heads * max(1, width // heads)
        self.enter = nn.Linear(width, 3 * inner)
        self.leave = nn.Linear(inner, width)

    def forward(
        self,
        tokens: Float[Tensor, "batch query width"],
        bias: Float[Tensor, "head query key"] | None = None,
        cache: Float[Tensor, "2 batch head past channel"] | None = None,
    ) -> tuple[
        Float[Tensor, "batch query width"], Float[Tensor, "2 batch head known channel"]
    ]:
        """What each token gathers from those in the cache and those given.

        Args:
            tokens: each asks, and is asked.
            bias: of the logits; None for none.
            cache: of tokens before.

        Returns:
            What they gather, and the cache with them.
        """
        query, *both = self.enter(tokens).chunk(3, dim=-1)
        split = "batch time (head channel) -> batch head time channel"
        query, *both = (rearrange(x, split, head=self.heads) for x in (query, *both))
        known = torch.stack(both)
        if cache is not None:
            known = torch.cat([cache, known], dim=3)
        found = F.scaled_dot_product_attention(query, *known.unbind(0), attn_mask=bias)
        return self.leave(rearrange(found, "b head time c -> b time (head c)")), known


class Block(nn.Module):
    """Time, space and tokens; each adds to what enters, after a layer normalisation.

    Args:
        width: of a token.
        heads: of both attentions.
        expansion: of the layer between, as a multiple of the width.
        window: frames that a frame sees, itself among them.
    """

    slopes: Tensor

    def __init__(self, width: int, heads: int, expansion: int, window: int):
        super().__init__()
        self.window = window
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.over_time, self.over_space = (Attention(width, heads) for _ in range(2))
        self.each = nn.Sequential(
            nn.Linear(width, expansion * width),
            nn.GELU(),
            nn.Linear(expansion * width, width),
        )
        slopes = 2.0 ** (-8 * torch.arange(1, heads + 1) / heads)
        self.register_buffer("slopes", slopes, persistent=False)

    def forward(
        self, tokens: Tokens, cache: Cache | None
    ) -> tuple[Tokens, Float[Tensor, "2 places head newest channel"]]:
        """Tokens of further frames, and the cache of the newest frames."""
        batch, time = tokens.shape[:2]
        past = 0 if cache is None else cache.shape[3]
        series = rearrange(self.norms[0](tokens), "b t n d -> (b n) t d")
        found, known = self.over_time(series, self._bias(past, time), cache)
        tokens = tokens + rearrange(found, "(b n) t d -> b t n d", b=batch)
        frames = rearrange(self.norms[1](tokens), "b t n d -> (b t) n d")
        found, _ = self.over_space(frames)
        tokens = tokens + rearrange(found, "(b t) n d -> b t n d", b=batch)
        first = max(0, past + time - self.window + 1)
        return tokens + self.each(self.norms[2](tokens)), known[:, :, :, first:]

    def _bias(self, past: int, time: int) -> Float[Tensor, "head query key"]:
        """The logits' bias: further back is less, what is no past or too far nothing.

        ALiBi, O. Press and others, ICLR 2022 (arXiv 2108.12409).
        """
        steps = torch.arange(past + time, device=self.slopes.device)
        back = steps[past:, None] - steps[None, :]
        bias = -self.slopes[:, None, None] * back
        return bias.masked_fill((back < 0) | (back >= self.window), -torch.inf)
