r"""Weights are set to zero in the course of training, which goes on without them.

After a share of the steps (`begin`) the smallest weights of each layer become zero and
stay it: what is left has the rest of training to recover. With a `graph` the recurrent
kernel has from the first step on the edges of a random graph alone, between channels;
the history tells its density, clustering and mean path. Masks are the same in all slots
and pixels, so that a pruned model is as flow equivariant as any. After arXiv
2407.20938 on the sparsity of recurrent networks, which prunes weights by magnitude,
counts the epochs of recovery, and wires layers by random graphs.

Source: arXiv 2407.20938.
"""

from __future__ import annotations

from typing import Any, get_args

import torch
from torch import Tensor, nn
from torch.nn.utils import prune

from fernn.training.settings import Settings
from fernn.training.strategies import Run, Strategy, _graphs
from labrun.errors import UserError, require_known
from labrun.random_words import derived


class Pruned(Strategy):
    """Masks from a step on.

    Args:
        model: to be trained.
        share: of the weights of each layer, which become zero.
        begin: step.
        masks: of weights by name, from the first step on.
        about: what there is to tell of these masks.
    """

    def __init__(
        self,
        model: nn.Module,
        share: float,
        begin: int,
        masks: dict[str, Tensor],
        about: dict[str, float],
    ):
        self.model, self.share, self.begin = model, share, begin
        self.masks, self.about = masks, about

    @property
    def weights(self) -> dict[str, nn.Parameter]:
        """Those that can be pruned: no biases."""
        known = self.model.named_parameters()
        return {name: weight for name, weight in known if weight.ndim > 1}

    def before_step(self, run: Run, optimiser: torch.optim.Optimizer) -> None:
        """Choose the smallest weights when it is time; zero what is masked."""
        if run["step"] == self.begin and self.share:
            for name, weight in self.weights.items():
                kept = largest(weight.detach(), self.share)
                self.masks[name] = kept & self.masks.get(name, torch.ones_like(kept))
        self._apply()

    def after_step(self, run: Run) -> None:
        """The optimiser remembers earlier gradients; what is zero stays it."""
        self._apply()

    @torch.no_grad()
    def _apply(self) -> None:
        for name, weight in self.weights.items():
            if name in self.masks:
                weight *= self.masks[name].to(weight)

    def report(self) -> dict[str, float]:
        """The share of weights that are zero, and what the graph is like."""
        weights = self.weights.values()
        zeros = sum(int((weight == 0).sum()) for weight in weights)
        return {"zeros": zeros / sum(map(torch.numel, weights)), **self.about}

    def state_dict(self) -> dict[str, Any]:
        """The masks."""
        return {"masks": self.masks}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The same."""
        self.masks = dict(state["masks"])


def largest(weight: Tensor, share: float) -> Tensor:
    """Where a weight is not among the smallest; their number is rounded."""
    everything = torch.ones_like(weight, dtype=torch.bool)
    return prune.L1Unstructured(float(share)).compute_mask(weight, everything)


def build(
    model: nn.Module,
    settings: Settings,
    needs: Any,
    *,
    share: float = 0.5,
    begin: float = 0.5,
    graph: _graphs.Graph | None = None,
    degree: int = 4,
    rewired: float = 0.2,
) -> Pruned:
    """Pruning in training.

    Args:
        model: any; with a `graph` one with a recurrent kernel, ``cell.conv_h``.
        settings: of the training.
        needs: none.
        share: of the weights of each layer that become zero, from 0 to below 1.
        begin: share of the steps after which they do.
        graph: of the recurrent kernel; None for all of its edges.
        degree: of a channel in it, even.
        rewired: of ``watts_strogatz``, the probability of an edge.

    Raises:
        UserError: a number is out of range, or there is no such kernel or graph.
    """
    if not (0 <= share < 1 and 0 <= begin < 1 and 0 <= rewired <= 1):
        raise UserError(
            "pruned: share and begin must be from 0 to below 1 and rewired from 0 to 1,"
            f" got {share}, {begin} and {rewired}"
        )
    masks, about = {}, {}
    if graph is not None:
        require_known("graph", graph, get_args(_graphs.Graph))
        channels = _channels(model)
        if degree % 2 or not 2 <= degree < channels:
            raise UserError(
                "pruned: degree must be even, from 2 to below the channels"
                f" ({channels}), got {degree}"
            )
        place = derived(settings.seed, "pruned", graph)
        made = _graphs.drawn(graph, channels, degree, rewired, place % 2**32)
        weight = dict(model.named_parameters())["cell.conv_h.weight"]
        edges = _graphs.mask(made)[..., None, None]
        masks["cell.conv_h.weight"] = edges.expand_as(weight).contiguous()
        about = _graphs.properties(made)
    return Pruned(model, share, round(begin * settings.steps), masks, about)


def _channels(model: nn.Module) -> int:
    """Those that a recurrent kernel joins.

    Raises:
        UserError: the model has no such kernel of channels.
    """
    weight = dict(model.named_parameters()).get("cell.conv_h.weight")
    if weight is None or weight.ndim != 4 or weight.shape[0] != weight.shape[1]:
        raise UserError(
            f"pruned: the channels of a {type(model).__name__} are joined by no kernel"
            " that a graph can mask"
        )
    return len(weight)
