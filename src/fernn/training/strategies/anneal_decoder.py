"""A decoder is trained with twice its layers, which are then merged.

The slope λ of its leaky ReLUs rises in proportion to the steps, to 1 at `until` of
them; then each pair of convolutions is one. What is kept is the merged network, of the
best epoch since (`fernn.models._decoders`).

Source: H. Chen and others, VanillaNet, 2023, arXiv 2305.12972.
"""

from __future__ import annotations

from typing import Any

import torch

from fernn.models._decoders import Annealed, merged
from fernn.training.settings import Settings
from fernn.training.strategies import Run, Strategy, begin_phase
from labrun.errors import UserError


class AnnealDecoder(Strategy):
    """Raises the slope, and merges at the end."""

    def __init__(self, layers: list[Annealed], until: int):
        self.layers, self.until = layers, until

    def before_step(self, run: Run, optimiser: torch.optim.Optimizer) -> None:
        """The slope of this step; weights of earlier ones cannot be merged."""
        for layer in self.layers:
            layer.slope = min(1.0, run["step"] / self.until)
        if run["step"] == self.until:
            begin_phase(run)

    def report(self) -> dict[str, float]:
        """The slope."""
        return {"slope": self.layers[0].slope}

    def kept(
        self, spec: dict[str, Any], weights: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, Any]]:
        """The same network with the decoder ``equivariant``."""
        return {**spec, "decoder": "equivariant"}, merged(weights)


def build(
    model: Any, settings: Settings, needs: Any, *, until: float = 0.6
) -> AnnealDecoder:
    """See the module.

    Args:
        model: a forecaster with ``decoder: annealed``.
        settings: of the training.
        needs: none.
        until: share of the steps after which the layers are linear.

    Raises:
        UserError: no layer of the model is annealed, or `until` leaves no step after
            it.
    """
    layers = [each for each in model.modules() if isinstance(each, Annealed)]
    if not layers:
        raise UserError(
            f"strategy anneal_decoder: no layer of a {type(model).__name__} is"
            " annealed; give a forecaster `decoder: annealed`"
        )
    if not 0 < until < 1:
        raise UserError(f"anneal_decoder.until must be between 0 and 1, got {until}")
    return AnnealDecoder(layers, max(1, int(until * settings.steps)))
