"""Adaptive constrained equivariance: relax a symmetry while training.

A relaxed cell has a free form beside its strict one, with one weight γ, which is 1 at
first. The strategy `ace` moves γ by its own rule to 0: the network that is kept is the
strict FERNN. Its multiplier λ says how much the loss would gain from breaking the
symmetry. These digits move as V says, so nothing has to be broken.
"""

import torch

from fernn import models
from fernn.data import flowing_digits
from fernn.data.sources import handwritten
from fernn.training.loop import train
from fernn.training.settings import settings

digits = handwritten.fetch()


def sequences(pool, count):
    """Digits that move at up to one pixel per frame."""
    recipe = flowing_digits.synthesize(
        digits, split=pool, pool=pool, draw="sampled", seed=0, sequences=count,
        frames=6, frame_size=12, digits=1, max_speed=1,
    )  # fmt: skip
    return flowing_digits.Sequences(recipe, digits, "cpu")


spec = {
    "kind": "forecaster",
    "flow": {"kind": "translation", "max_speed": 1},
    "hidden": 4,
    "decoder_layers": 1,
    "relaxations": ["shift", "leak"],
}
training = {
    "batch": 8,
    "sequences": 240,
    "epochs": 4,
    "context": 3,
    "horizon": 3,
    "learning_rate": 0.01,
    "strategy": "ace",
}
torch.manual_seed(0)
model = models.build(spec, size=12)
chosen = settings(training, seed=0)
splits = sequences("train", 240), sequences("val", 64)
records, weights = train(model, *splits, chosen)
shown = [name for name in records[0] if name.startswith(("gamma", "lambda"))]
print("epoch  error  ", *(f"{name:>13}" for name in shown))
for record in records:
    numbers = (f"{record[name]:13.4f}" for name in shown)
    print(f"{record['epoch']:5d}  {record['validation_error']:.4f} ", *numbers)
