"""Encode the observed frames, roll out, decode the predicted ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn

from fernn import cells, flows
from fernn.cells import FlowEquivariantCell
from fernn.errors import UserError, nearest
from fernn.models import _segments
from fernn.models._rollout import ROLLOUTS, Carry, begin

POOLINGS = {"max": torch.amax, "mean": torch.mean, "sum": torch.sum}
CHECKPOINTS = ("none", "segments")


class Forecaster(nn.Module):
    r"""A cell, a pooling over V and a convolutional decoder, section 5.1 of the paper.

    .. math:: \hat f_t(x) = \mathrm{Dec}\bigl(\max_{\nu \in V} h_t(\nu, \cdot)\bigr)(x)

    At the published size (128 hidden channels, 4 decoder layers, 3×3 kernels) it has
    739,584 parameters for every V.

    Args:
        cell: the recurrent cell.
        decoder_layers: hidden layers of the decoder, before its linear output.
        rollout: ``repeat``, ``warped``, ``shifted`` or ``free``.
        pooling: over V: ``max``, ``mean`` or ``sum``.
        checkpoint: ``none``, or ``segments``: in training, keep the states between
            segments of time alone and compute the others twice. The gradients are the
            same.

    Raises:
        UserError: an unknown roll-out, pooling or checkpoint, or a negative number of
            layers.
    """

    def __init__(
        self,
        cell: FlowEquivariantCell,
        decoder_layers: int = 4,
        rollout: str = "free",
        pooling: str = "max",
        checkpoint: str = "none",
    ):
        super().__init__()
        if rollout not in ROLLOUTS:
            raise UserError(f"no rollout {rollout!r}; {nearest(rollout, ROLLOUTS)}")
        if pooling not in POOLINGS:
            raise UserError(f"no pooling {pooling!r}; {nearest(pooling, POOLINGS)}")
        if checkpoint not in CHECKPOINTS:
            hint = nearest(checkpoint, CHECKPOINTS)
            raise UserError(f"no checkpoint {checkpoint!r}; {hint}")
        if decoder_layers < 0:
            raise UserError(
                f"decoder_layers must not be negative, got {decoder_layers}"
            )
        self.cell = cell
        self.rollout = rollout
        self.pooling = pooling
        self.checkpoint = checkpoint
        channels, hidden = cell.conv_u.in_channels, cell.conv_u.out_channels
        kernel = cell.conv_h.kernel_size[0]
        layers: list[nn.Module] = []
        for _ in range(decoder_layers):
            layers += [cell.circular(hidden, hidden, kernel), nn.ReLU()]
        self.decoder = nn.Sequential(*layers, cell.circular(hidden, channels, kernel))

    def lift(
        self, video: Float[Tensor, "batch time channel height width"]
    ) -> Float[Tensor, "time batch 1 hidden height width"]:
        """The lifted input of every frame, all in one convolution."""
        drives = self.cell.lift(rearrange(video, "b t c h w -> (b t) c h w"))
        return rearrange(drives, "(b t) v c h w -> t b v c h w", b=len(video))

    def encode(
        self, video: Float[Tensor, "batch time channel height width"]
    ) -> Iterator[Float[Tensor, "batch velocity hidden height width"]]:
        """The state after each observed frame, in order."""
        state = None
        for drive in self.lift(video):
            state = self.cell(drive, state)
            yield state

    def advance(
        self,
        drive: Float[Tensor, "batch slots hidden height width"] | None,
        state: Float[Tensor, "batch velocity hidden height width"],
    ) -> tuple[
        Float[Tensor, "batch velocity hidden height width"],
        Float[Tensor, "batch channel height width"],
    ]:
        """The next state and what is decoded from it."""
        if self.pooling == "max":
            state, pooled = self.cell.forward_with_maximum(drive, state)
            return state, self.decoder(pooled)
        state = self.cell(drive, state)
        return state, self.decode(state)

    def decode(
        self, state: Float[Tensor, "batch velocity hidden height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """Pool over V, then decode; a linear output, not bounded to [0, 1]."""
        reduce = POOLINGS[self.pooling]
        if state.stride(2) != 1:
            return self.decoder(reduce(state, dim=1))
        # In the order of memory, channels last, reductions are up to 30 times faster.
        pooled = reduce(rearrange(state, "b v c h w -> b v h w c"), dim=1)
        return self.decoder(rearrange(pooled, "b h w c -> b c h w"))

    def decode_moved(
        self, state: Float[Tensor, "batch velocity hidden height width"]
    ) -> Float[Tensor, "batch channel height width"]:
        """Decode the state moved by one step of each slot's own flow."""
        if self.pooling == "max":
            return self.decoder(self.cell.moved_maximum(state))
        return self.decode(self.cell.move(state))

    def predict(
        self, video: Float[Tensor, "batch time channel height width"], horizon: int
    ) -> Iterator[Float[Tensor, "batch channel height width"]]:
        """The predicted frames one by one; memory does not grow with `horizon`.

        Raises:
            UserError: no frame is observed, or none is asked for.
        """
        if video.shape[1] < 1 or horizon < 1:
            raise UserError(
                "at least one frame must be observed and one predicted,"
                f" got {video.shape[1]} and {horizon}"
            )
        state = deque(self.encode(video), maxlen=1).pop()
        return self._roll_out(begin(self.rollout, state, video[:, -1]), horizon)

    def _roll_out(
        self, carry: Carry, horizon: int
    ) -> Iterator[Float[Tensor, "batch channel height width"]]:
        for _ in range(horizon):
            carry, prediction = ROLLOUTS[self.rollout](self, carry)
            yield prediction

    def forward(
        self, video: Float[Tensor, "batch time channel height width"], horizon: int
    ) -> Float[Tensor, "batch horizon channel height width"]:
        """The `horizon` frames after the observed `video`."""
        if self.checkpoint == "segments" and torch.is_grad_enabled():
            return _segments.forward(self, video, horizon)
        return torch.stack(list(self.predict(video, horizon)), dim=1)


def build(
    size: int,
    flow: dict[str, Any],
    hidden: int = 128,
    decoder_layers: int = 4,
    kernel: int = 3,
    activation: str = "relu",
    rollout: str = "free",
    pooling: str = "max",
    checkpoint: str = "none",
    execution: str = "auto",
    mixing: str = "none",
    mixing_radius: int = 1,
) -> Forecaster:
    """A forecaster from a specification; see `Forecaster` and the cell."""
    cell = cells.build(
        execution,
        flows.build(flow, size),
        hidden=hidden,
        kernel=kernel,
        activation=activation,
        mixing=mixing,
        radius=mixing_radius,
    )
    return Forecaster(cell, decoder_layers, rollout, pooling, checkpoint)
