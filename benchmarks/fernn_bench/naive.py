"""The forecaster as one would first write it from the paper's equations.

It exists to be measured against. Every slot is picked, rolled and stacked, the zero
state is convolved like any other, and the pooling computes indices nobody reads.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fernn.cells import FlowEquivariantCell
from fernn.models.forecaster import Forecaster


class NaiveForecaster(nn.Module):
    """A forecaster with the weights of another, for ``rollout="repeat"`` and ReLU.

    Args:
        model: whose V, convolutions and decoder it uses, not copies of them.
    """

    def __init__(self, model: Forecaster):
        super().__init__()
        assert isinstance(model.cell, FlowEquivariantCell)
        self.conv_u = model.cell.conv_u
        self.conv_h = model.cell.conv_h
        self.decoder = model.decoder
        self.velocities = model.cell.flow.velocities
        self.hidden = model.cell.hidden

    def forward(
        self, video: Float[Tensor, "batch time channel height width"], horizon: int
    ) -> Float[Tensor, "batch horizon channel height width"]:
        """The `horizon` frames after the observed `video`."""
        shape = (len(video), len(self.velocities), self.hidden)
        state = video.new_zeros(*shape, *video.shape[-2:])
        for time in range(video.shape[1]):
            state = self.step(video[:, time], state)
        frame = video[:, -1]
        predictions = []
        for _ in range(horizon):
            state = self.step(frame, state)
            predictions.append(self.decoder(state.max(dim=1).values))
            frame = predictions[-1].detach()
        return torch.stack(predictions, dim=1)

    def step(
        self,
        frame: Float[Tensor, "batch channel height width"],
        state: Float[Tensor, "batch velocity hidden height width"],
    ) -> Float[Tensor, "batch velocity hidden height width"]:
        """The next state: roll each slot, convolve all, add the lifted frame."""
        rolled = [
            torch.roll(state[:, slot], velocity, dims=(-2, -1))
            for slot, velocity in enumerate(self.velocities)
        ]
        stacked = torch.stack(rolled, dim=1)
        recurrent = self.conv_h(stacked.flatten(0, 1)).view_as(state)
        lifted = self.conv_u(frame)[:, None].expand_as(state)
        return torch.relu(recurrent + lifted)
