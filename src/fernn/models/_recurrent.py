r"""The loop of recurrent models without a flow: step, read, feed.

A model has a ``step`` from a frame and a state to the next state, and ``read``, what it
predicts from a state. Observed frames are stepped through, each once. Then its own
predictions are fed, clamped to what a frame can be, and gradients go through them:

.. math:: s_t = \mathrm{step}(f_t, s_{t-1}), \quad \hat f_{t+1} = \mathrm{read}(s_t),
   \quad f_t := \min(\max(\hat f_t, 0), 1) \text{ after the observed frames}
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from fernn.cells import check_video
from fernn.flows import Size
from fernn.flows._base import frame_of
from fernn.models._options import Boundary, check_horizon, padding_mode
from fernn.velocities import whole
from labrun.errors import UserError

CHANNELS = 1  # of a frame
Frame = Float[Tensor, "batch 1 height width"]
Signal = Float[Tensor, "batch inputs height width"]
Features = Float[Tensor, "batch hidden height width"]


class Recurrent(nn.Module):
    """The loop; a model adds `step` and `read`.

    Attributes:
        collects: whether a forward pass keeps what `extra_loss` needs, if it has one.
    """

    collects = False

    def step(self, frame: Signal, state: Any) -> Any:
        """The state after one more frame; without a state, after the first."""
        raise NotImplementedError

    def read(self, state: Any) -> Frame:
        """The frame that follows; not bounded."""
        raise NotImplementedError

    def observe(self, video: Float[Tensor, "batch time channel height width"]) -> Any:
        """The state after all observed frames."""
        state = None
        for frame in video.unbind(1):
            state = self.step(frame, state)
        return state

    def predict(
        self, video: Float[Tensor, "batch time 1 height width"], horizon: int
    ) -> Iterator[Frame]:
        """The predicted frames one by one; memory does not grow with `horizon`.

        Raises:
            UserError: the video has other axes, colours, type or device than the model
                was built for, or no frame is asked for.
        """
        check_video(video, CHANNELS, next(self.parameters()))
        return self._forecast(video, check_horizon(horizon))

    def _forecast(self, video: Tensor, horizon: int) -> Iterator[Frame]:
        state = self.observe(video)
        frame = self.read(state)
        yield frame
        for _ in range(1, horizon):
            state = self.step(frame.clamp(0, 1), state)
            frame = self.read(state)
            yield frame

    def forward(
        self,
        video: Float[Tensor, "batch time 1 height width"],
        horizon: int,
        given: Bool[Tensor, "batch fed"] | None = None,
    ) -> Float[Tensor, "batch predicted 1 height width"]:
        """The `horizon` frames after the observed ones; raises as `predict`.

        Args:
            video: the observed frames; with `given`, the true ones after them, too.
            horizon: predicted frames.
            given: which frames but the last are fed as they are; in place of another,
                except the first, the model's own prediction is. Then the prediction of
                every frame but the first is returned.
        """
        frames = self.predict(video, horizon)
        if given is not None:
            frames = self._next_frames(video, given)
        return torch.stack(list(frames), dim=1)

    def _next_frames(self, video: Tensor, given: Tensor) -> Iterator[Frame]:
        if given.shape != (len(video), video.shape[1] - 1):
            expected = (len(video), video.shape[1] - 1)
            raise UserError(
                f"`given` must have the shape {expected}, got {tuple(given.shape)}"
            )
        state = own = None
        for frame, true in zip(video.unbind(1), given.unbind(1), strict=False):
            if own is not None:
                frame = torch.where(true[:, None, None, None], frame, own.clamp(0, 1))
            state = self.step(frame, state)
            own = self.read(state)
            yield own


def convolution(
    inputs: int, outputs: int, kernel: int, boundary: Boundary, bias: bool = True
) -> nn.Conv2d:
    """A convolution that keeps the size of a frame.

    Raises:
        UserError: a number that is not positive, an even kernel, or no such boundary.
    """
    whole(outputs, "hidden must be positive", least=1)
    if whole(kernel, "a kernel must be positive", least=1) % 2 == 0:
        raise UserError(f"a kernel must be odd, got {kernel}")
    mode = padding_mode(boundary)
    return nn.Conv2d(
        inputs, outputs, kernel, padding=kernel // 2, padding_mode=mode, bias=bias
    )


def layers_of(
    layer: Callable[..., nn.Module],
    pixels: int,
    hidden: int,
    layers: int,
    kernel: int,
    boundary: Boundary,
    bias: bool,
) -> nn.ModuleList:
    """Layers of a kind, the first of which sees the channels of a patch.

    Raises:
        UserError: no layer.
    """
    whole(layers, "layers must be positive", least=1)
    inputs = [pixels, *(layers - 1) * [hidden]]
    made = [layer(each, hidden, kernel, boundary, bias) for each in inputs]
    return nn.ModuleList(made)


def decoder(
    hidden: int,
    layers: int,
    outputs: int,
    kernel: int,
    boundary: Boundary,
    bias: bool,
    inner: int | None = None,
) -> nn.Sequential:
    """`layers` convolutions with ReLU, and a linear one: the FERNN's, with biases.

    Those with ReLU have `inner` channels; None for `hidden`.
    """
    whole(layers, "decoder_layers must not be negative", least=0)
    inner = hidden if inner is None else inner
    widths = [hidden, *[whole(inner, "decoder_hidden must be positive", 1)] * layers]
    made: list[nn.Module] = []
    for inputs, outer in itertools.pairwise(widths):
        made += [convolution(inputs, outer, kernel, boundary, bias), nn.ReLU()]
    return nn.Sequential(
        *made, convolution(widths[-1], outputs, kernel, boundary, bias)
    )


def check_patch(patch: int, size: Size) -> int:
    """The side of a patch that divides frames.

    Raises:
        UserError: it does not.
    """
    whole(patch, "patch must be positive", least=1)
    height, width = frame_of(size)
    if height % patch or width % patch:
        raise UserError(
            f"patches of {patch} pixels do not divide frames of {height}×{width}"
        )
    return patch


def zeros_like(signal: Signal, hidden: int) -> Features:
    """A first state of so many channels."""
    return signal.new_zeros(len(signal), hidden, *signal.shape[2:])
