"""Temporal cells: maps of time series, the same in all pixels and in all slots of V.

Inside the co-moving frames of `fernn.models.comoving` such a cell is flow equivariant
whatever it computes, as long as no parameter depends on a place or on a velocity. A
cell is a module with ``build(space, inputs, hidden, *, options)``, which returns a
`Temporal`; ``LIFTED = True``, if it adds to its input, which then is lifted to its
hidden channels. Frames of all slots are one axis, ``sample = batch × velocity``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from fernn.flows import Flow
from fernn.velocities import whole
from labrun.modules import configured, load, named, names

PACKAGE = "fernn.models.temporal"

Signal = Float[Tensor, "sample time _ height width"]


class Space:
    """Where a cell computes: on the frames that the slots of a flow see.

    Args:
        flow: V and its action.
    """

    def __init__(self, flow: Flow):
        self.flow = flow

    def convolution(self, inputs: int, outputs: int, bias: bool = True) -> nn.Conv2d:
        """A convolution that keeps height and width, of the side of the flow's own."""
        side, mode = self.flow.kernel, self.flow.padding
        return nn.Conv2d(
            inputs, outputs, side, padding=side // 2, padding_mode=mode, bias=bias
        )


class Temporal(nn.Module, ABC):
    """A layer in time. What it gives at a time does not depend on later frames."""

    @abstractmethod
    def forward(self, signal: Signal, state: Any) -> tuple[Signal, Any]:
        """The output of each of the frames, and the state after the last.

        Args:
            signal: frames that follow those of the state.
            state: what an earlier call returned; None before the first frame.
        """


class Mixer(Temporal):
    r"""A temporal mixer :math:`y = M(x)` with the connections of its block.

    .. math:: x_t \leftarrow x_t
        + \mathrm{GELU}(\mathrm{LN}(y_t)) \star W_\mathrm{out} + b

    Args:
        space: where it computes.
        hidden: channels of x.
        width: channels of y.
    """

    def __init__(self, space: Space, hidden: int, width: int):
        super().__init__()
        self.norm = ChannelNorm(width)
        self.out = space.convolution(width, hidden)

    @abstractmethod
    def mix(self, signal: Signal, state: Any) -> tuple[Signal, Any]:
        """The mixed frames, of `width` channels, and the state after the last."""

    def forward(self, signal: Signal, state: Any) -> tuple[Signal, Any]:
        """See `Temporal.forward`."""
        mixed, state = self.mix(signal, state)
        return signal + per_frame(self.out, F.gelu(self.norm(mixed))), state


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each pixel of each frame."""

    def forward(self, input: Signal) -> Signal:
        """The same shape."""
        return super().forward(input.movedim(2, -1)).movedim(-1, 2)


def per_frame(layer: Callable[[Tensor], Tensor], signal: Signal) -> Signal:
    """A layer of images, applied to every frame."""
    return layer(signal.flatten(0, 1)).unflatten(0, signal.shape[:2])


def at_least_one(**numbers: Any) -> list[int]:
    """Options that count something.

    Raises:
        UserError: one is no whole number, or less than one.
    """
    return [
        whole(value, f"{name} must be positive", least=1)
        for name, value in numbers.items()
    ]


def layer(
    spec: str | dict[str, Any], space: Space, inputs: int, hidden: int
) -> Temporal:
    """The cell of a specification: a kind, or ``{"kind": ..., **options}``.

    Raises:
        UserError: no such cell or option.
    """
    return configured(PACKAGE, spec, "build")(space, inputs, hidden)


def lifted(spec: str | dict[str, Any]) -> bool:
    """Whether a cell's input must have its hidden channels."""
    kind = str(named(spec).get("kind"))
    return getattr(load(PACKAGE, kind), "LIFTED", False)


def kinds() -> list[str]:
    """All cells."""
    return names(PACKAGE)
