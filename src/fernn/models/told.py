r"""A recurrent model without a flow that is told the agent's steps as its input.

With each frame it gets two channels, in which every pixel is the step that leads to
the next frame, along rows and along columns, in window sides:

.. math:: s_t = \mathrm{step}\bigl([f_t, a_t / \mathrm{side}], s_{t-1}\bigr), \quad
   \hat f_{t+1} = \mathrm{read}(s_t)

It must learn what a step does to a frame, and has no map of what is out of view: what
it knows of that lies in the state of the window.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fernn.flows import Frame, Size, frame_of
from fernn.models._recurrent import Recurrent
from fernn.models._window import Actions, Video, Window
from fernn.models.convlstm import ConvLstm
from fernn.models.transformer import BEYOND, Transformer
from labrun.errors import require_known

TASK = "act"
PLANES = 2  # of a step: along rows and columns
Inner = Literal["convlstm", "transformer"]


class Told(nn.Module):
    """The loop of `fernn.models._recurrent`, with steps beside the frames.

    Args:
        inner: sees frames with `PLANES` channels besides, and predicts frames.
        window: height and width of a frame, pixels.
    """

    def __init__(self, inner: Recurrent, window: Frame):
        super().__init__()
        self.inner, self.view = inner, Window(window, window)

    def predict(
        self, video: Video, horizon: int, actions: Actions
    ) -> Iterator[Float[Tensor, "batch 1 height width"]]:
        """The predicted frames one by one; see `fernn.models.world.World.predict`."""
        self.view.check(video, horizon, actions, next(self.parameters()))
        return self._forecast(video, horizon, actions)

    def forward(
        self, video: Video, horizon: int, actions: Actions
    ) -> Float[Tensor, "batch horizon 1 height width"]:
        """The `horizon` frames after the observed `video`; see `predict`."""
        return torch.stack([*self.predict(video, horizon, actions)], dim=1)

    def _forecast(
        self, video: Video, horizon: int, actions: Actions
    ) -> Iterator[Tensor]:
        planes, time = self._planes(video, actions), video.shape[1]
        told = torch.cat([video, planes[:, :time]], dim=2)
        state = self.inner.observe(told)
        for step in range(time, time + horizon):
            frame = self.inner.read(state)
            yield frame
            if step < planes.shape[1]:
                fed = torch.cat([frame.clamp(0, 1), planes[:, step]], dim=1)
                state = self.inner.step(fed, state)

    def _planes(
        self, video: Video, actions: Actions
    ) -> Float[Tensor, "batch steps 2 height width"]:
        """The steps as channels, in sides of the window."""
        sides = video.new_tensor(self.view.size)
        shares = actions.to(video.dtype) / sides
        return shares[..., None, None].expand(-1, -1, -1, *self.view.size)


def build(
    size: Size,
    inner: Inner = "convlstm",
    hidden: int = 64,
    layers: int = 1,
    kernel: int = 3,
    decoder_layers: int = 1,
    patch: int = 1,
    heads: int = 4,
    context: int = 10,
) -> Told:
    """A model that is told the steps; see `Told`.

    Args:
        size: of a frame.
        inner: ``convlstm`` or ``transformer``, see the kinds of these names.
        hidden: its channels, or the width of a token.
        layers: how many.
        kernel: of a ConvLSTM, whose frames end at the window's border.
        decoder_layers: of a ConvLSTM.
        patch: side of a patch, pixels.
        heads: of a transformer's attention.
        context: observed frames; a transformer's attention reaches five more.
    """
    require_known("inner", inner, INNER)
    sizes = {"size": size, "hidden": hidden, "layers": layers, "kernel": kernel}
    sizes |= {"decoder_layers": decoder_layers, "patch": patch, "heads": heads}
    return Told(INNER[inner](**sizes, window=context + BEYOND), frame_of(size))


def _convlstm(
    hidden: int, layers: int, kernel: int, decoder_layers: int, patch: int, **_: Any
) -> Recurrent:
    return ConvLstm(
        hidden,
        layers,
        kernel,
        decoder_layers,
        patch=patch,
        boundary="zero",
        told=PLANES,
    )


def _transformer(
    size: Size, hidden: int, patch: int, layers: int, heads: int, window: int, **_: Any
) -> Recurrent:
    return Transformer(size, hidden, patch, layers, heads, window=window, told=PLANES)


INNER: dict[Inner, Callable[..., Recurrent]] = {
    "convlstm": _convlstm,
    "transformer": _transformer,
}
