r"""Guidance: states are drawn to the geometry of those of another model.

.. math::
    L = L_\text{task} + w \, \frac{1}{T-1} \sum_{t=2}^{T}
        \bigl(1 - \mathrm{CKA}(A_t, B_t)\bigr), \qquad
    \mathrm{CKA}(X, Y) = \frac{\|X^\top Y\|_F^2}{\|X^\top X\|_F\,\|Y^\top Y\|_F}

with the centred features A of the model and B of the guide after each observed frame, a
row for each sequence of the batch: the state moved one step, pooled over V and over
space. Linear CKA does not change with an orthogonal map or a scale of the features, so
channels need no order. V. Subramaniam and others, Training the Untrainable, NeurIPS
2025 (arXiv 2410.20035), which sums over layers; here the layers are times.

Source: V. Subramaniam and others, NeurIPS 2025, arXiv 2410.20035.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from fernn import models
from fernn.devices import device
from fernn.training.settings import Settings
from fernn.training.strategies import Run, Strategy
from labrun.errors import UserError
from labrun.random_words import derived

NEEDS = ("guide",)
SIDE = 8  # pixels, of pooled features
LEAST = 3  # sequences: of two centred rows the geometry is always the same


class Guidance(Strategy):
    """A weighted distance to the guide's geometry, until a step."""

    whole = True

    def __init__(self, model: Any, guide: Any, weight: float, until: float):
        self.model, self.guide = model, guide
        self.weight, self.until = weight, until
        self.step, self.alignment = 0, 0.0

    def before_step(self, run: Run, optimiser: torch.optim.Optimizer) -> None:
        """Count."""
        self.step = run["step"]

    def penalty(
        self, network: Any, seen: tuple[Any, ...], output: Tensor, target: Tensor
    ) -> Tensor | float:
        """The weighted distance of this batch, or of a device's share of it.

        Raises:
            UserError: it is two sequences or fewer.
        """
        if self.step >= self.until:
            return 0.0
        if len(seen[0]) < LEAST:
            raise UserError(
                f"guidance needs {LEAST} sequences or more on each device, got"
                f" {len(seen[0])}"
            )
        with torch.no_grad():
            wanted = [*self.guide.features(seen[0])]
        found = [*self.model.features(seen[0])]
        pairs = [*zip(found, wanted, strict=True)][1:]
        alike = [cka(flat(one), flat(other)) for one, other in pairs]
        mean = torch.stack(alike).mean()
        self.alignment = mean.item()
        return self.weight * (1 - mean)

    def report(self) -> dict[str, float]:
        """The CKA of the newest batch that was guided."""
        return {"alignment": self.alignment}

    def state_dict(self) -> dict[str, Any]:
        """The newest CKA."""
        return {"alignment": self.alignment}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """The same."""
        self.alignment = state["alignment"]


def cka(
    one: Float[Tensor, "sample features"], other: Float[Tensor, "sample others"]
) -> Float[Tensor, ""]:
    """The linear centred kernel alignment, from 0 to 1, by the Gram matrices."""
    grams = [(x - x.mean(0)) @ (x - x.mean(0)).T for x in (one, other)]
    first, second = grams
    tiny = torch.finfo(first.dtype).tiny
    return (first * second).sum() / (first.norm() * second.norm()).clamp_min(tiny)


def flat(
    pooled: Float[Tensor, "batch hidden height width"],
) -> Float[Tensor, "batch features"]:
    """Features of at most 8×8 pixels, as a row for each sequence."""
    rows, columns = (min(SIDE, side) for side in pooled.shape[-2:])
    return F.adaptive_avg_pool2d(pooled, (rows, columns)).flatten(1)


def build(
    model: nn.Module,
    settings: Settings,
    needs: Any,
    *,
    guide: str | dict[str, Any],
    weight: float = 0.1,
    until: float = 1.0,
) -> Guidance:
    """Guidance by another model.

    Args:
        model: the guided one.
        settings: of the training.
        needs: the trained guide, if it is one.
        guide: a model of the experiment, trained before; or ``{random: MODEL}``, with
            weights of that model that are drawn from the seed and never trained.
        weight: of the distance beside the task's loss.
        until: share of the steps that are guided.

    Raises:
        UserError: a model has no features, two sequences or fewer, or one frame, are a
            batch, or an argument is out of range.
    """
    if not 0 <= until <= 1:
        raise UserError(f"guidance.until must be from 0 to 1, got {until}")
    if settings.batch < LEAST or settings.context < 2:
        raise UserError(
            f"guidance needs {LEAST} sequences of 2 frames or more in a batch, got"
            f" {settings.batch} of {settings.context}"
        )
    if isinstance(guide, str):
        guiding = needs["guide"]
    else:
        guiding = _untrained(guide, settings.seed)
    for each in (model, guiding):
        if not hasattr(each, "features"):
            kind = type(each).__name__
            raise UserError(f"strategy guidance: a {kind} has no features")
    guiding = guiding.requires_grad_(False).eval().to(device())
    return Guidance(model, guiding, weight, until * settings.steps)


def _untrained(guide: dict[str, Any], seed: int) -> nn.Module:
    """A model with weights of its own; those of the guided one are drawn as before."""
    if not isinstance(guide.get("random"), dict) or "size" not in guide:
        raise UserError(
            "guidance.guide must be a model of the experiment, or {random: MODEL},"
            f" got {guide}"
        )
    with torch.random.fork_rng():
        torch.manual_seed(derived(seed, "guide"))
        return models.build(guide["random"], guide["size"])
