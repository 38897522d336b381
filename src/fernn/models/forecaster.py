"""Encode the observed frames, roll out, decode the predicted ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import Any, Literal, get_args

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from fernn import cells, flows
from fernn.cells import FlowEquivariantCell
from fernn.cells._checks import check_lift
from fernn.flows import Size, held
from fernn.models import _segments, rollouts
from fernn.models._checks import POOLINGS, Pooling, check_cell, check_horizon
from fernn.models._decoders import DECODERS, DecoderName
from fernn.velocities import whole
from labrun.errors import require_known

Checkpoint = Literal["none", "segments"]


class Forecaster(nn.Module):
    r"""A cell, a pooling over V and a convolutional decoder, section 5.1 of the paper.

    .. math:: \hat f_t(x) = \mathrm{Dec}\bigl(\max_{\nu \in V} h_t(\nu, \cdot)\bigr)(x)

    At the published size (128 hidden channels, 4 decoder layers, 3×3 kernels) it has
    739,584 parameters for every V.

    Args:
        cell: the recurrent cell.
        decoder_layers: hidden layers of the decoder, before its linear output.
        rollout: a module of `fernn.models.rollouts`, or its ``kind`` and options.
        pooling: over V: ``max``, ``mean`` or ``sum``.
        checkpoint: ``none``, or ``segments``: in training, keep the states between
            segments of time alone and compute the others twice. The gradients are the
            same.
        decoder: ``equivariant``, of convolutions that commute with the flow, or
            ``ordinary``, of plain ones; for translations they are the same.
        decoder_hidden: channels of its hidden layers; None for those of the cell.

    Raises:
        UserError: no cell, an unknown roll-out, pooling, checkpoint or decoder, or a
            number of layers or channels that is none.
    """

    def __init__(
        self,
        cell: FlowEquivariantCell,
        decoder_layers: int = 4,
        rollout: str | dict[str, Any] = "free",
        pooling: Pooling = "max",
        checkpoint: Checkpoint = "none",
        decoder: DecoderName = "equivariant",
        decoder_hidden: int | None = None,
    ):
        super().__init__()
        check_cell(cell, "forecaster")
        require_known("pooling", pooling, POOLINGS)
        require_known("checkpoint", checkpoint, get_args(Checkpoint))
        require_known("decoder", decoder, DECODERS)
        message = "decoder_layers must not be negative"
        decoder_layers = whole(decoder_layers, message, least=0)
        self.cell = cell
        self.rollout = rollouts.build(rollout)
        self.pooling: Pooling = pooling
        self.checkpoint = checkpoint
        width = cell.hidden if decoder_hidden is None else decoder_hidden
        width = whole(width, "decoder_hidden must be positive", least=1)
        self.decoder = nn.Sequential(*DECODERS[decoder](cell, decoder_layers, width))

    def encode(
        self, video: Float[Tensor, "batch time channel height width"]
    ) -> Iterator[Float[Tensor, "batch velocity hidden height width"]]:
        """The state after each observed frame, in order and in the lab frame."""
        with held(self):
            for time, state in enumerate(self._observe(video), start=1):
                yield self.cell.lab(state, time)

    def _observe(self, video: Tensor) -> Iterator[Tensor]:
        """The state after each observed frame, in the cell's own frame."""
        state = None
        for drive in self.cell.lift(video):
            state = self.cell(drive, state)
            yield state

    def advance(
        self,
        drive: Float[Tensor, "batch slots hidden height width"] | None,
        state: Float[Tensor, "batch velocity hidden height width"],
        time: int,
    ) -> tuple[
        Float[Tensor, "batch velocity hidden height width"],
        Float[Tensor, "batch channel height width"],
    ]:
        """The next state, of `time` frames, and what is decoded from it."""
        if self.pooling == "max":
            state, pooled = self.cell.forward_with_maximum(drive, state, time)
            return state, self.decoder(pooled)
        state = self.cell(drive, state)
        return state, self.decode(self.cell.lab(state, time))

    def decode(
        self, state: Float[Tensor, "batch velocity hidden height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """Pool over V, then decode; a linear output, not bounded to [0, 1].

        The state is that of the lab frame.
        """
        return self.decoder(self.pool(state))

    def pool(
        self, state: Float[Tensor, "batch velocity hidden height width"]
    ) -> Float[Tensor, "batch hidden height width"]:
        """Pool the state of the lab frame over V."""
        reduce = POOLINGS[self.pooling]
        if state.stride(2) != 1:
            return reduce(state, dim=1)
        # In the order of memory, channels last, reductions are up to 30 times faster.
        pooled = reduce(rearrange(state, "b v c h w -> b v h w c"), dim=1)
        return rearrange(pooled, "b h w c -> b c h w")

    def decode_moved(
        self,
        state: Float[Tensor, "batch velocity hidden height width"],
        time: int,
        ahead: int = 1,
    ) -> Float[Tensor, "batch channel height width"]:
        """Decode the state of `time` frames, each slot moved on `ahead` steps."""
        return self.decoder(self.pool_moved(state, time, ahead))

    def pool_moved(
        self,
        state: Float[Tensor, "batch velocity hidden height width"],
        time: int,
        ahead: int = 1,
    ) -> Float[Tensor, "batch hidden height width"]:
        """Pool over V what `decode_moved` decodes."""
        return self.pool_advected(state, time, [ahead])[0]

    def pool_advected(
        self,
        state: Float[Tensor, "batch velocity hidden height width"],
        time: int,
        ahead: Sequence[int],
    ) -> list[Float[Tensor, "batch hidden height width"]]:
        """Pool over V the state of `time` frames, moved by each number of steps."""
        if self.pooling == "max":
            return self.cell.moved_maxima(state, time, ahead)
        return [self.pool(self.cell.lab(state, time, steps)) for steps in ahead]

    def predict(
        self, video: Float[Tensor, "batch time channel height width"], horizon: int
    ) -> Iterator[Float[Tensor, "batch channel height width"]]:
        """The predicted frames one by one; memory does not grow with `horizon`.

        Raises:
            UserError: no frame is observed, or none is asked for; or see the cell's
                `lift`.
        """
        check_lift(self.cell, video)
        return self._forecast(video, check_horizon(horizon))

    def _forecast(self, video: Tensor, horizon: int) -> Iterator[Tensor]:
        with held(self):
            state = deque(self._observe(video), maxlen=1).pop()
            carry = self.rollout.begin(state, video)
            for _ in range(horizon):
                carry, prediction = self.rollout.step(self, carry)
                yield prediction

    def forward(
        self, video: Float[Tensor, "batch time channel height width"], horizon: int
    ) -> Float[Tensor, "batch horizon channel height width"]:
        """The `horizon` frames after the observed `video`; raises as `predict`."""
        check_lift(self.cell, video)
        horizon = check_horizon(horizon)
        again = self.checkpoint == "segments" and torch.is_grad_enabled()
        with nullcontext() if again else held(self):
            return _segments.forward(self, video, horizon, again)


def build(
    size: Size,
    flow: dict[str, Any],
    hidden: int = 128,
    decoder_layers: int = 4,
    kernel: int | None = None,
    activation: cells.Activation = "relu",
    initial: cells.Initial = "random",
    rollout: str | dict[str, Any] = "free",
    pooling: Pooling = "max",
    checkpoint: Checkpoint = "none",
    execution: cells.Execution = "auto",
    mixing: cells.Mixing = "none",
    mixing_radius: int = 1,
    decoder: DecoderName = "equivariant",
    decoder_hidden: int | None = None,
) -> Forecaster:
    """A forecaster from a specification; see `Forecaster` and the cell."""
    cell = cells.build(
        execution,
        flows.build(flow, size),
        hidden=hidden,
        kernel=kernel,
        activation=activation,
        initial=initial,
        mixing=mixing,
        radius=mixing_radius,
    )
    return Forecaster(
        cell, decoder_layers, rollout, pooling, checkpoint, decoder, decoder_hidden
    )
