r"""A transformer of patches, whose attention is over time, and then over space.

A patch of p×p pixels is a token of width d. In each block, with layer normalisations N,

.. math::
   y &\leftarrow y + A_{\text{time}}(N y) && \text{each place by itself, causal} \\
   y &\leftarrow y + A_{\text{space}}(N y) && \text{each frame by itself} \\
   y &\leftarrow y + W_2\, \mathrm{GELU}(W_1 N y)

and the token of a frame becomes its patch of the next frame. Over time a logit is
lowered by its distance times a head's slope (ALiBi), and a frame asks at most `window`
frames, so that no roll-out has a distance that was never trained. Keys and values of a
frame are computed once and kept: a predicted frame costs the same at every horizon, and
gives the numbers of a computation anew.

It is factorised as A. Arnab and others (ICCV 2021, arXiv 2103.15691) do, too. With
learned positions no shift moves the predictions; without, a static shift by multiples
of the patch does. No flow does.

With ``tied: true`` all layers are one block, which a vector of each step tells apart:
the Universal Transformer. With ``halting: act`` a token's output is a mean over the
steps until it halts; all steps are computed, since later frames ask for their keys and
values.

Source: divided attention in space and time, G. Bertasius and others, ICML 2021, arXiv
2102.05095; tied: M. Dehghani and others, ICLR 2019, arXiv 1807.03819.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from fernn.flows import Size
from fernn.flows._base import frame_of
from fernn.models._factorised import Block
from fernn.models._halting import Halting
from fernn.models._recurrent import CHANNELS, Frame, Recurrent, Signal, check_patch
from fernn.velocities import whole
from labrun.errors import require_known

Position = Literal["learned", "none"]
Halts = Literal["none", "act"]
BEYOND = 5  # frames that a window has besides the context


class State(NamedTuple):
    """The tokens of the newest frame, and each block's keys and values of the last."""

    tokens: Tensor
    caches: list[Tensor]


class Transformer(Recurrent):
    """Embedding, blocks, and a linear read-out of each token.

    Args:
        size: height and width of a frame, pixels.
        hidden: width of a token.
        patch: side of a patch, pixels.
        layers: blocks.
        heads: of each attention.
        expansion: of the layer in a block, as a multiple of `hidden`.
        window: frames that attention over time reaches, the newest among them.
        position: ``learned``, a vector added to each place's tokens, or ``none``.
        tied: whether all layers are one block.
        halting: ``none``, or ``act``, see `fernn.models._halting`.
        halting_bias: of that, at first.
        told: channels that a frame has besides, which are not predicted.

    Raises:
        UserError: an unknown position, a number that is none, or patches that do not
            divide a frame.
    """

    def __init__(
        self,
        size: Size,
        hidden: int = 64,
        patch: int = 4,
        layers: int = 4,
        heads: int = 4,
        expansion: int = 4,
        window: int = 15,
        position: Position = "learned",
        tied: bool = False,
        halting: Halts = "none",
        halting_bias: float = 1.0,
        told: int = 0,
    ):
        super().__init__()
        require_known("position", position, get_args(Position))
        require_known("halting", halting, get_args(Halts))
        given = {"hidden": hidden, "layers": layers, "heads": heads}
        given |= {"expansion": expansion, "window": window}
        for name, value in given.items():
            whole(value, f"{name} must be positive", least=1)
        self.patch, pixels = check_patch(patch, size), CHANNELS * patch**2
        height, width = frame_of(size)
        places = height * width // patch**2
        self.embed = nn.Linear(pixels + told * patch**2, hidden)
        self.position = None
        if position == "learned":
            self.position = nn.Parameter(0.02 * torch.randn(places, hidden))
        self.blocks = nn.ModuleList(
            Block(hidden, heads, expansion, window)
            for _ in range(1 if tied else layers)
        )
        self.layers, self.steps = layers, None
        if tied:
            self.steps = nn.Parameter(0.02 * torch.randn(layers, hidden))
        self.halting = None
        if halting == "act":
            self.halting = Halting(hidden, halting_bias)
        self._pondered: list[Tensor] = []  # of the newest forward pass
        self.readout = nn.Sequential(nn.LayerNorm(hidden), nn.Linear(hidden, pixels))
        self.places = height // patch, width // patch

    def advance(
        self,
        video: Float[Tensor, "batch time channel height width"],
        caches: list[Tensor] | None = None,
    ) -> tuple[Float[Tensor, "batch time place hidden"], list[Tensor]]:
        """The tokens of further frames, all at once, and the caches after them."""
        patches = F.pixel_unshuffle(video.flatten(0, 1), self.patch)
        patches = patches.flatten(2).mT.unflatten(0, video.shape[:2])
        tokens, states, after = self.embed(patches), [], []
        if self.position is not None:
            tokens = tokens + self.position
        for index in range(self.layers):
            if self.steps is not None:
                tokens = tokens + self.steps[index]
            block = self.blocks[index % len(self.blocks)]
            tokens, cache = block(tokens, caches[index] if caches else None)
            states.append(tokens)
            after.append(cache)
        if self.halting is not None:
            tokens, pondered = self.halting(torch.stack(states, dim=-2))
            if self.collects and self.training:
                self._pondered.append(pondered.mean())
        return tokens, after

    def pondered(self) -> Tensor:
        """The steps and remainder of a token, a mean over the newest forward pass."""
        found, self._pondered = self._pondered, []
        return torch.stack(found).mean()

    def observe(self, video: Float[Tensor, "batch time channel height width"]) -> State:
        """The state after all observed frames, which are seen together."""
        self._pondered = []
        tokens, caches = self.advance(video)
        return State(tokens[:, -1], caches)

    def step(self, frame: Signal, state: State | None) -> State:
        """The state after one more frame."""
        tokens, caches = self.advance(frame[:, None], state.caches if state else None)
        return State(tokens[:, -1], caches)

    def read(self, state: State) -> Frame:
        """The patches that follow the newest frame's."""
        patches = self.readout(state.tokens).mT.unflatten(2, self.places)
        return F.pixel_shuffle(patches, self.patch)


def build(
    size: Size,
    hidden: int = 64,
    patch: int = 4,
    layers: int = 4,
    heads: int = 4,
    expansion: int = 4,
    context: int = 10,
    window: int | None = None,
    position: Position = "learned",
    tied: bool = False,
    halting: Halts = "none",
    halting_bias: float = 1.0,
) -> Transformer:
    """A transformer from a specification; see `Transformer`.

    Args:
        size: of a frame.
        hidden: width of a token.
        patch: side of a patch, pixels.
        layers: blocks.
        heads: of each attention.
        expansion: of the layer in a block.
        context: observed frames.
        window: by default five frames more than the context.
        position: ``learned`` or ``none``.
        tied: whether all layers are one block.
        halting: ``none`` or ``act``.
        halting_bias: of that, at first.
    """
    window = context + BEYOND if window is None else window
    sizes = size, hidden, patch, layers, heads, expansion, window
    return Transformer(*sizes, position, tied, halting, halting_bias)
