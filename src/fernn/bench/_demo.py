"""Training as the demo does it: its digits, sizes and protocol."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from fernn.bench._step import DEMO
from fernn.data.flowing_digits import Sequences, synthesize
from fernn.data.sources import handwritten
from fernn.models.forecaster import build
from fernn.training.loop import Listener, train
from fernn.training.settings import Settings

LONG_HORIZON = 20


@dataclass
class Demo:
    """Data of a training run that can be repeated with any model.

    Args:
        sequences: in an epoch.
        epochs: how many.
        validation: sequences.
        extend_horizon: in the second half, as the demo's protocol does.
    """

    sequences: int = 400
    epochs: int = 2
    validation: int = 64
    extend_horizon: bool = True

    def __post_init__(self):
        self.atlas = handwritten.fetch()
        self.settings = Settings(
            batch=DEMO.batch,
            sequences=self.sequences,
            epochs=self.epochs,
            context=DEMO.context,
            horizon=DEMO.horizon,
            long_horizon=LONG_HORIZON,
            extend_horizon=self.extend_horizon,
            schedule="one_cycle",
        )

    def split(self, pool: str, sequences: int) -> Sequences:
        """Sequences drawn from the train or the val digits."""
        recipe = synthesize(
            self.atlas,
            split=pool,
            pool=pool,
            draw="sampled",
            seed=0,
            sequences=sequences,
            frames=DEMO.context + LONG_HORIZON,
            frame_size=DEMO.frame,
            digits=1,
            max_speed=2,
        )
        return Sequences(recipe, self.atlas)

    def splits(self) -> tuple[Sequences, Sequences]:
        """Those that are trained on and validated with."""
        return self.split("train", self.sequences), self.split("val", self.validation)

    def model(self, max_speed: int) -> nn.Module:
        """A fresh forecaster with V a square."""
        torch.manual_seed(0)
        return build(
            DEMO.frame,
            flow={"kind": "translation", "max_speed": max_speed},
            hidden=DEMO.hidden,
            decoder_layers=DEMO.decoder_layers,
            rollout="free",
        )

    def train(self, max_speed: int, on_step: Listener = lambda record: None) -> None:
        """Train a fresh model to the end of the last epoch."""
        training, validation = self.splits()
        model = self.model(max_speed)
        train(model, training, validation, self.settings, on_step=on_step)
