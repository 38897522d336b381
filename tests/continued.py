"""Training with a strategy that is stopped after some steps and continued."""

import signal

import pytest
import torch

from fernn import models
from fernn.training import strategies
from fernn.training.loop import train
from fernn.training.settings import settings
from labrun.rolling_states import RollingStates
from labrun.stopping import Interrupted

SPEC = {"batch": 4, "sequences": 12, "epochs": 4, "context": 3, "horizon": 2}
SPEC |= {"learning_rate": 0.01}
FLOW = {"kind": "translation", "max_speed": 1}
MODEL = {"kind": "forecaster", "flow": FLOW, "hidden": 3, "decoder_layers": 0}


def made(strategy, model=MODEL, needs=None, size=7, **changes):
    """A model with fresh weights, the settings and the strategy."""
    torch.manual_seed(0)
    built = models.build(model, size)
    chosen = settings({**SPEC, "strategy": strategy, **changes}, seed=0)
    return built, chosen, strategies.build(built, chosen, needs)


def run(strategy, splits, folder=None, stop=None, **changes):
    """Records and weights; states are in a folder, and it is stopped after a step."""
    model, chosen, way = made(strategy, **changes)
    states = RollingStates(folder, chosen.given()) if folder else None

    def on_step(record):
        if record["updates"] == stop:
            signal.raise_signal(signal.SIGUSR1)

    return train(model, *splits, chosen, states, on_step=on_step, strategy=way)


def require_same_bits(strategy, splits, folder, stops, **changes):
    """Stopped after each of some steps it trains as if it never stopped."""
    whole = run(strategy, splits, **changes)
    for stop in stops:
        with pytest.raises(Interrupted, match=f"after step {stop}"):
            run(strategy, splits, folder, stop, **changes)
    records, weights = run(strategy, splits, folder, **changes)
    assert records == whole[0]
    assert all(torch.equal(weights[name], whole[1][name]) for name in weights)
    return whole
