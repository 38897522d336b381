"""Any temporal cell, made flow equivariant by the frames in which it computes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Annotated, Any, Literal, get_args

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from fernn import flows
from fernn.cells import State, Video, check_video
from fernn.flows import Flow, Size, pull_back, push_forward
from fernn.models import temporal
from fernn.models._options import POOLINGS, Pooling, check_horizon
from fernn.velocities import whole
from labrun.errors import UserError, require_known
from labrun.modules import Kind

RollOut = Literal["advect", "shifted"]
Frame = Float[Tensor, "batch channel height width"]
CACHE = 2**23  # bytes of frames that are seen at once on a processor
CHANNELS = 1  # of a frame
WIDTHS = ("hidden", "decoder_hidden")  # the second in finer steps


class Slots(nn.Module):
    """Layers of temporal cells on the frames of all slots.

    Args:
        flow: V and its action.
        cell: a kind of `fernn.models.temporal`, or its ``kind`` and options.
        hidden: channels of a slot.
        layers: how many.

    Attributes:
        flow: V and its action.
    """

    def __init__(
        self, flow: Flow, cell: str | dict[str, Any], hidden: int, layers: int
    ):
        super().__init__()
        self.flow, space = flow, temporal.Space(flow)
        self.lift, inputs = None, CHANNELS
        if temporal.lifted(cell):
            self.lift, inputs = space.convolution(CHANNELS, hidden), hidden
        widths = [inputs, *(layers - 1) * [hidden]]
        made = [temporal.layer(cell, space, width, hidden) for width in widths]
        self.layers = nn.ModuleList(made)

    def forward(
        self, video: Video, states: list[Any], first: int = 0
    ) -> tuple[Float[Tensor, "batch velocity time hidden height width"], list[Any]]:
        """The outputs of all slots in their own frames, and the states of the layers.

        Args:
            video: frames that follow those of the states.
            states: what an earlier call returned, or None for each layer.
            first: the time of the first frame.
        """
        seen = pull_back(self.flow, video, first)
        signal = rearrange(seen, "b v t c h w -> (b v) t c h w")
        if self.lift is not None:
            signal = temporal.per_frame(self.lift, signal)
        after = []
        for layer, state in zip(self.layers, states, strict=True):
            signal, state = layer(signal, state)
            after.append(state)
        return signal.unflatten(0, (len(video), -1)), after


class Comoving(nn.Module):
    r"""Every slot sees the video from its own frame and runs the same cell on it.

    .. math::
        y_{0..t}(\nu) &= g\bigl(u_0(\nu), \dots, u_t(\nu)\bigr), \qquad
        u_t(\nu) = \psi_{-t}(\nu) \cdot f_t \\
        \hat f_{T+j} &= \mathrm{Dec}\bigl(\max_{\nu \in V}
            \psi_{T+j}(\nu) \cdot y_T(\nu)\bigr)

    g is a stack of temporal cells, which is the same for all slots. A constant flow of
    the input then does nothing but permute the slots, whatever g computes:
    :math:`y_t[\psi(\hat\nu) f](\nu) = y_t[f](\nu - \hat\nu)` wherever
    :math:`\nu - \hat\nu` is in V. For V = {0} it is the cell without this frame, which
    is not flow equivariant. The frame is the time-parameterised lift of the paper's
    appendix, as that of `fernn.cells.ComovingCell`. The convolutions commute with
    shifts, so the model is shift equivariant too.

    Args:
        flow: V and its action; its states have one orientation.
        cell: a kind of `fernn.models.temporal`, or its ``kind`` and options.
        hidden: channels of a slot.
        layers: of the cell.
        rollout: ``advect``: the last output is moved by its flow, and no cell runs
            on. ``shifted``: so is the output for the next frame, which is then fed,
            cut to [0, 1].
        pooling: over V: ``max``, ``mean`` or ``sum``.
        decoder_layers: hidden layers of the decoder, before its linear output.
        decoder_hidden: their channels; None for `hidden`.

    Raises:
        UserError: a flow with orientations, an unknown cell, roll-out or pooling, or a
            number of channels or layers that is none.
    """

    def __init__(
        self,
        flow: Flow,
        cell: str | dict[str, Any] = "gru",
        hidden: int = 128,
        layers: int = 2,
        rollout: RollOut = "advect",
        pooling: Pooling = "max",
        decoder_layers: int = 4,
        decoder_hidden: int | None = None,
    ):
        super().__init__()
        if flow.fibre != 1:
            raise UserError(
                f"a comoving model has no orientations, the flow {flow.fibre} of them;"
                " use kind 'forecaster'"
            )
        require_known("rollout", rollout, get_args(RollOut))
        require_known("pooling", pooling, POOLINGS)
        hidden, layers = temporal.at_least_one(hidden=hidden, layers=layers)
        message = "decoder_layers must not be negative"
        decoder_layers = whole(decoder_layers, message, least=0)
        self.cell = Slots(flow, cell, hidden, layers)
        self.rollout: RollOut = rollout
        self.pooling: Pooling = pooling
        self.hidden, space = hidden, temporal.Space(flow)
        width = hidden if decoder_hidden is None else decoder_hidden
        width = whole(width, "decoder_hidden must be positive", least=1)
        widths, inner = [hidden, *[width] * decoder_layers], list[nn.Module]()
        for inputs, outputs in itertools.pairwise(widths):
            inner += [space.convolution(inputs, outputs), nn.ReLU()]
        self.decoder = nn.Sequential(*inner, space.convolution(widths[-1], CHANNELS))

    def encode(self, video: Video) -> Iterator[State]:
        """The output after each observed frame, in the lab frame."""
        outputs, _ = self._observe(video)
        for time, output in enumerate(outputs.unbind(2)):
            yield push_forward(self.cell.flow, output, time)

    def predict(self, video: Video, horizon: int) -> Iterator[Frame]:
        """The predicted frames one by one.

        Raises:
            UserError: no frame is observed, or none is asked for, or the frames have
                another size, type or device than the model.
        """
        weight = next(self.decoder.parameters())
        check_video(video, CHANNELS, weight, self.cell.flow)
        return self._forecast(video, check_horizon(horizon))

    def forward(
        self, video: Video, horizon: int
    ) -> Float[Tensor, "batch horizon channel height width"]:
        """The `horizon` frames after the observed `video`; raises as `predict`."""
        return torch.stack(list(self.predict(video, horizon)), dim=1)

    def _observe(self, video: Tensor) -> tuple[Tensor, list[Any]]:
        """Outputs and states, computed for as many frames at once as a cache holds."""
        states: list[Any] = [None] * len(self.cell.layers)
        parts, first = [], 0
        for part in video.split(self._together(video), dim=1):
            outputs, states = self.cell(part, states, first)
            parts.append(outputs)
            first += part.shape[1]
        return torch.cat(parts, dim=2), states

    def _together(self, video: Tensor) -> int:
        if video.device.type != "cpu":
            return video.shape[1]
        slots = len(self.cell.flow.velocities)
        return max(1, CACHE // (video[:, 0].nbytes * slots * self.hidden))

    def _forecast(self, video: Tensor, horizon: int) -> Iterator[Tensor]:
        outputs, states = self._observe(video)
        output, time = outputs[:, :, -1], video.shape[1]
        for ahead in range(horizon):
            prediction = self._decode(output, time + ahead)
            yield prediction
            if self.rollout == "shifted" and ahead + 1 < horizon:
                fed = prediction.clamp(0, 1)[:, None]
                outputs, states = self.cell(fed, states, time + ahead)
                output = outputs[:, :, -1]

    def _decode(self, output: Tensor, steps: int) -> Tensor:
        moved = push_forward(self.cell.flow, output, steps)
        return self.decoder(POOLINGS[self.pooling](moved, dim=1))


def build(
    size: Size,
    flow: dict[str, Any],
    cell: Annotated[dict[str, Any], Kind("models/temporal")],
    hidden: int = 128,
    layers: int = 2,
    rollout: RollOut = "advect",
    pooling: Pooling = "max",
    decoder_layers: int = 4,
    decoder_hidden: int | None = None,
) -> Comoving:
    """A model from a specification; see `Comoving`."""
    return Comoving(
        flows.build(flow, size), cell, hidden, layers, rollout, pooling,
        decoder_layers, decoder_hidden,
    )  # fmt: skip
