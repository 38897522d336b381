r"""Tokens of a transformer learn when to halt, after it has learnt without.

Until `begin` of the steps no token halts. Then all do, and what they ponder, steps and
remainder (`fernn.models._halting`), costs up to `weight`, in proportion to the steps
since. Validation is always of the model as used, which halts. Of A. Graves' cost (arXiv
1603.08983); ``begin: 0`` is near it, with a weight that grows.

Source: A. Graves, 2016, arXiv 1603.08983.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from fernn.training.settings import Settings
from fernn.training.strategies import Run, Strategy
from labrun.errors import UserError


class Ponder(Strategy):
    """First without halting, then with a growing cost of steps."""

    def __init__(self, model: Any, steps: int, weight: float, begin: float):
        self.model, self.steps = model, steps
        self.weight, self.begin, self.cost = weight, begin, 0.0
        if begin:
            self.partial = "ponder trains the halting from a later step on alone"

    def before_step(self, run: Run, optimiser: torch.optim.Optimizer) -> None:
        """Whether tokens halt in this step, and at which cost."""
        first = self.begin * self.steps
        self.model.halting.on = run["step"] >= first
        since = max(0.0, run["step"] - first) / max(1.0, self.steps - first)
        self.cost = self.weight * since

    def penalty(
        self, network: Any, seen: tuple[Any, ...], output: Tensor, target: Tensor
    ) -> Tensor:
        """The cost times the mean of what tokens pondered."""
        return self.cost * self.model.pondered()

    @contextmanager
    def as_used(self, model: nn.Module) -> Iterator[None]:
        """The model whose tokens halt."""
        halting: Any = model.halting
        before, halting.on = halting.on, True
        try:
            yield
        finally:
            halting.on = before


def build(
    model: Any,
    settings: Settings,
    needs: Any,
    *,
    weight: float = 0.01,
    begin: float = 0.6,
) -> Ponder:
    """See the module.

    Raises:
        UserError: the model's tokens do not halt, or `begin` is no share.
    """
    if getattr(model, "halting", None) is None:
        raise UserError(
            f"strategy ponder: tokens of a {type(model).__name__} do not halt;"
            " give a transformer `halting: act`"
        )
    if not 0 <= begin <= 1:
        raise UserError(f"strategy ponder: begin must be from 0 to 1, got {begin}")
    model.collects = True
    return Ponder(model, settings.steps, weight, begin)
