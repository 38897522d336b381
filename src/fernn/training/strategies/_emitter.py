r"""An LSTM over the layers of a model, which emits their weights for a task.

In step s, for a layer or a part of it, with the task's embedding e, the layer's l, the
hidden state h and what the model was initialised with,

.. math::
    h_s = \mathrm{LSTM}([e_k; l_s], h_{s-1}), \qquad W_s = W^0_s + A\,h_s + a.

A and a are zero at first, so that training begins with the weights that the model has
anyway, and the same ones for all tasks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

EMBEDDING = 16  # numbers of a task's, and of a layer's


class Emitter(nn.Module):
    """See the module.

    Args:
        weights: of the model, by name, as they were initialised.
        tasks: their number.
        units: of the LSTM.
        chunk: weights that a step emits; a larger layer has several steps.
    """

    start: Tensor

    def __init__(
        self, weights: Mapping[str, Tensor], tasks: int, units: int, chunk: int
    ):
        super().__init__()
        self.shapes = {name: weight.shape for name, weight in weights.items()}
        self.sizes = [weight.numel() for weight in weights.values()]
        self.parts = [-(-size // chunk) for size in self.sizes]  # rounded up
        self.register_buffer(
            "start", torch.cat([each.detach().flatten() for each in weights.values()])
        )
        self.tasks = nn.Parameter(torch.randn(tasks, EMBEDDING))
        self.layers = nn.Parameter(torch.randn(sum(self.parts), EMBEDDING))
        self.lstm = nn.LSTM(2 * EMBEDDING, units)
        self.head = nn.Linear(units, chunk)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, tasks: Sequence[int]) -> Float[Tensor, "task weight"]:
        """All weights of the model for each task, one after the other."""
        embedded = self.tasks[list(tasks)].expand(len(self.layers), -1, -1)
        layers = self.layers[:, None].expand_as(embedded)
        emitted = self.head(self.lstm(torch.cat([embedded, layers], 2))[0])
        layered = emitted.transpose(0, 1).split(self.parts, 1)
        used = [
            each.flatten(1)[:, :size]
            for each, size in zip(layered, self.sizes, strict=True)
        ]
        return self.start + torch.cat(used, 1)

    @torch.no_grad()
    def follow(self, task: int) -> None:
        """Let a task begin with the embedding of the one before, and so its weights."""
        self.tasks[task] = self.tasks[task - 1]

    def named(self, weights: Float[Tensor, " weight"]) -> dict[str, Tensor]:
        """The weights for one task, by name."""
        parts = zip(self.shapes.items(), weights.split(self.sizes), strict=True)
        return {name: part.view(shape) for (name, shape), part in parts}
