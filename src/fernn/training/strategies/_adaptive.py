r"""The share of teacher forcing that bounds gradients through a roll-out.

A product of Jacobians that are each multiplied by 1 - α is bounded if
:math:`\alpha \ge 1 - 1/\sigma_\max`. The estimate is

.. math:: \alpha^* = \max(0, 1 - 1/\mathcal N), \qquad
   \mathcal N = \max_n \prod_t \sigma_\max(J(\bar z_{n,t}))^{1/T}

over the states after true frames of a few sequences, every few steps. A larger estimate
is taken at once, a smaller one by an exponential mean: :math:`\alpha := \gamma \alpha +
(1-\gamma) \alpha^*`. F. Hess and others, ICML 2023, whose γ of 0.999 is of many more
steps; here :math:`\gamma = e^{-5 k/\text{steps}}` for estimates every k steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from fernn.models._forced import closed_loop
from fernn.models.rollouts import FeedLast
from fernn.training.settings import Settings
from fernn.videos.recipes import Sequences
from labrun.random_words import derived

SEQUENCES, ITERATIONS = 8, 4
Step = Callable[[Tensor], Tensor]


class Adaptive:
    """The share, from estimates; at first 1."""

    def __init__(self, model: Any, settings: Settings, every: int):
        self.model, self.settings, self.every = model, settings, every
        self.slow = math.exp(-5 * every / settings.steps)
        self.share, self.norm, self.estimated = 1.0, 1.0, -1

    def estimate(self, step: int, split: Sequences) -> None:
        """Estimate, once in so many steps, from the sequences of the step's batch."""
        if step % self.every or step == self.estimated:
            return
        self.estimated, settings = step, self.settings
        batch, epoch = step % settings.steps_per_epoch, step // settings.steps_per_epoch
        count = min(SEQUENCES, settings.batch)
        frames = settings.context + max(1, settings.horizon - 1)
        video = split.video(batch * settings.batch, count, frames, epoch)
        self.update(self._norm(video, step))

    def update(self, norm: float) -> None:
        """Follow a norm of the Jacobians."""
        self.norm, wanted = norm, max(0.0, 1 - 1 / norm)
        slow = self.slow * self.share + (1 - self.slow) * wanted
        self.share = wanted if wanted > self.share else slow

    def _norm(self, video: Tensor, step: int) -> float:
        """The largest geometric mean over time of any sequence."""
        with torch.no_grad():
            states = [*self.model.states(video)]
        draw = torch.Generator().manual_seed(derived(self.settings.seed, "norm", step))
        logarithms = []
        for time in range(self.settings.context, len(states) + 1):
            state = states[time - 1]
            start = torch.randn(state.shape, generator=draw).to(state)

            def advance(state: Tensor, time: int = time) -> Tensor:
                return closed_loop(self.model, state, time)

            logarithms.append(spectral_norm(advance, state, start).log())
        return torch.stack(logarithms).mean(0).max().exp().item()

    def report(self) -> dict[str, float]:
        """The newest norm."""
        return {"norm": self.norm}

    def state_dict(self) -> dict[str, Any]:
        """All that the next share depends on."""
        kept = ("share", "norm", "estimated")
        return {name: getattr(self, name) for name in kept}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The same."""
        self.share, self.norm = state["share"], state["norm"]
        self.estimated = state["estimated"]


def spectral_norm(
    step: Step, state: Tensor, start: Tensor, iterations: int = ITERATIONS
) -> Float[Tensor, " batch"]:
    """The largest singular value of each sequence's Jacobian, by power iteration.

    Products with the Jacobian are central differences, because a step of a cell may be
    differentiable once only; those with its transpose are gradients.

    Args:
        step: of the state; sequences do not meet in it.
        state: where the Jacobian is taken.
        start: a direction for each sequence.
        iterations: how many.
    """
    with torch.enable_grad():
        point = state.detach().requires_grad_()
        after = step(point)
    width = torch.finfo(state.dtype).eps ** (1 / 3)
    far = width * _norms(state).clamp_min(width)
    direction, found = start / _norms(start), start
    for _ in range(iterations):
        with torch.no_grad():
            ahead, behind = (step(state + s * far * direction) for s in (1, -1))
        found = (ahead - behind) / (2 * far)
        (back,) = torch.autograd.grad(after, point, found, retain_graph=True)
        tiny = torch.finfo(state.dtype).tiny
        direction = back / _norms(back).clamp_min(tiny)
    tiny = torch.finfo(state.dtype).tiny
    return _norms(found).flatten().clamp_min(tiny)


def closed_objection(model: Any) -> str | None:
    """Why a model's roll-out has no Jacobian from state to state; None if it has."""
    if isinstance(model.rollout, FeedLast):
        kind = type(model.rollout).__name__.lower()
        return f"the roll-out {kind} is fed the last observed frame: nothing to adapt"
    return None


def _norms(state: Tensor) -> Tensor:
    """Of each sequence, as it broadcasts."""
    shape = (-1, *(state.ndim - 1) * [1])
    return state.flatten(1).norm(dim=1).view(shape)
