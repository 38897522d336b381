"""The last frame, moved by every velocity of V at once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fernn import flows


class Mixture(nn.Module):
    """Learns one number a velocity: its share in the prediction."""

    def __init__(self, flow: flows.Flow):
        super().__init__()
        self.flow = flow
        self.share = nn.Parameter(torch.zeros(len(flow.velocities)))

    def forward(self, video: Tensor, horizon: int) -> Tensor:
        """All predicted frames."""
        return torch.stack(list(self.predict(video, horizon)), dim=1)

    def predict(self, video: Tensor, horizon: int):
        """The predicted frames one by one."""
        shares = self.share.softmax(0)
        for ahead in range(1, horizon + 1):
            moved = [
                self.flow.act(video[:, -1], v, ahead) for v in self.flow.velocities
            ]
            yield sum(w * frame for w, frame in zip(shares, moved, strict=True))


def build(size: int, flow: dict) -> Mixture:
    """A mixture from a specification."""
    return Mixture(flows.build(flow, size))
