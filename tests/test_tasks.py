"""What is learnt is one object; the loop is the same for classes as for frames."""

import copy
import math
import signal
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from fernn import models
from fernn.data import flowing_digits, moving_clips
from fernn.models import conv3d, forecaster
from fernn.training import tasks
from fernn.training.fabric import make_fabric
from fernn.training.gradient import Objective, accumulate
from fernn.training.loop import train, validate
from fernn.training.losses import cross_entropy
from fernn.training.settings import settings
from fernn.training.strategies import Strategy
from fernn.training.tasks import classify, forecast
from labrun.rolling_states import RollingStates
from labrun.stopping import Interrupted
from mock_clips import sequences

SPEC = {"batch": 4, "sequences": 12, "epochs": 3, "context": 4, "horizon": 0}
MODEL = {
    "kind": "classifier",
    "flow": {"kind": "pan", "max_speed": 1},
    "hidden": 4,
    "normalized": True,
}


def splits():
    return [
        sequences(split=name, pool=name, frames=3, sequences=64)
        for name in ("train", "val")
    ]


def run(folder, stop_after=None, **changes):
    torch.manual_seed(0)
    chosen = settings({**SPEC, "context": 3, "learning_rate": 0.01, **changes}, seed=0)

    def on_step(record):
        if record["updates"] == stop_after:
            signal.raise_signal(signal.SIGUSR1)

    states = RollingStates(folder, vars(chosen))
    model = models.build(MODEL, 6)
    return train(model, *splits(), chosen, states, on_step=on_step)


def test_data_and_models_name_their_task():
    assert tasks.named_by(moving_clips) is tasks.named_by(conv3d) is classify
    assert tasks.named_by(flowing_digits) is tasks.named_by(forecaster)
    assert tasks.of(sequences()) is classify
    assert tasks.named_by(SimpleNamespace()) is forecast


def test_the_loss_is_the_cross_entropy_by_hand():
    # p(true) = e² / (e² + 2) for the first, 1/3 for the second
    logits, labels = torch.tensor([[2.0, 0, 0], [1, 1, 1]]), torch.tensor([0, 2])
    by_hand = [-math.log(math.e**2 / (math.e**2 + 2)), math.log(3)]
    torch.testing.assert_close(classify.errors(logits, labels), torch.tensor(by_hand))
    assert cross_entropy.loss(logits, labels).item() == pytest.approx(sum(by_hand) / 2)


@pytest.mark.parametrize(
    ("stops", "select_by"), [([1], "error"), ([3, 5], "error"), ([4, 7], "accuracy")]
)
def test_a_continued_run_is_bit_equal(tmp_path, stops, select_by):
    """The running means of the normalisation, too."""
    whole = run(tmp_path / "whole", select_by=select_by)
    for stop in stops:
        with pytest.raises(Interrupted):
            run(tmp_path / "cut", stop_after=stop, select_by=select_by)
    records, weights = run(tmp_path / "cut", select_by=select_by)
    assert records == whole[0] and "normalize.running_mean" in weights
    assert all(torch.equal(weights[name], whole[1][name]) for name in weights)
    other = run(tmp_path / "other", learning_rate=0.02)[1]
    assert not all(torch.equal(other[name], weights[name]) for name in weights)


def test_pieces_of_a_batch_give_its_gradient():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3 * 36, 6))
    chosen, fabric = settings({**SPEC, "context": 3}, seed=0), make_fabric()
    found, objective = [], Objective(splits()[0], chosen, Strategy())
    for piece in (4, 3, 1):
        own = copy.deepcopy(model)
        loss = accumulate(fabric, fabric.setup(own), objective, 1, piece)
        found.append((loss, own[1].weight.grad))
    for loss, gradient in found[1:]:
        assert loss == pytest.approx(found[0][0], rel=1e-6)
        torch.testing.assert_close(gradient, found[0][1])
    assert not torch.equal(found[0][1], torch.zeros_like(found[0][1]))


def test_validation_is_the_mean_over_all_samples():
    """The last piece is smaller than the others; nothing is counted twice."""
    model, split = models.build(MODEL, 6).eval(), splits()[1]
    chosen = settings({**SPEC, "context": 3}, seed=0)
    with torch.no_grad():
        logits = model(split.video(0, len(split), 3))
    expected = cross_entropy.loss(logits, split.labels(0, len(split))).item()
    for piece in (40, 7):
        (error,) = validate(model, split, chosen, piece).values()
        assert error == pytest.approx(expected, rel=1e-6)


def test_it_learns(tmp_path):
    changes = {"epochs": 25, "batch": 16, "sequences": 64, "learning_rate": 0.02}
    records, _ = run(tmp_path, **changes)
    assert records[-1]["train_loss"] < 0.5 * records[0]["train_loss"]
