"""Strategies of recurrent models: frames that they are fed, a loss of their own."""

import math

import pytest
import torch

from fernn import models
from fernn.training import strategies, tasks
from fernn.training.gradient import Objective
from fernn.training.loop import train
from fernn.training.settings import settings
from labrun.errors import UserError

SPEC = {"batch": 4, "sequences": 12, "epochs": 4, "context": 3, "horizon": 2}
SPEC |= {"learning_rate": 0.01}
REVERSE = {"kind": "scheduled_sampling", "order": "reverse"}
CONVLSTM = {"kind": "convlstm", "hidden": 3, "decoder_layers": 0}
PREDRNN = {"kind": "predrnn", "hidden": 2}


def made(strategy, model=CONVLSTM, **changes):
    torch.manual_seed(0)
    model = models.build(model, size=7)
    chosen = settings({**SPEC, "strategy": strategy, **changes}, seed=0)
    return model, chosen, strategies.build(model, chosen)


@pytest.mark.parametrize(
    ("order", "shares"),
    [
        ("scheduled", [(1, 1), (1, 0.75), (1, 0.5), (1, 0.25), (1, 0), (1, 0)]),
        ("reverse", [(0.5, 0.5)] * 3),
    ],
)
@pytest.mark.law("training/strategies/scheduled_sampling")
def test_shares_of_true_frames_by_hand(order, shares):
    """Of 12 steps, a third of which is sampled: four."""
    strategy = {"kind": "scheduled_sampling", "order": order, "stop": 1 / 3}
    *_, sampling = made(strategy)
    found = [sampling.given(step) for step in range(len(shares))]
    assert found == [pytest.approx(share) for share in shares]
    if order == "reverse":
        late = sampling.given(3)  # of k = 3/4
        assert late == pytest.approx((1 - math.exp(-2.5) / 2, 0.25))
        assert sampling.given(4) == (1, 0)


def test_draws_are_of_the_step_and_the_sequence_in_any_piece(sequences):
    split = sequences(split="train", pool="train")
    *_, sampling = made(REVERSE)
    _, task = sampling.source(1, split, tasks.of(split))
    (video, ahead, given), target = task.batch(split, 4, 4, 3, 2, 0)
    (part, _, drawn), _ = task.batch(split, 6, 2, 3, 2, 0)
    assert torch.equal(part, video[2:]) and torch.equal(drawn, given[2:])
    assert ahead == 2 and given.shape == (4, 4) and 0 < given.sum() < 16
    assert torch.equal(video, split.video(4, 4, 5, 0))
    assert torch.equal(target, video[:, 1:])
    _, task = sampling.source(2, split, tasks.of(split))
    assert not torch.equal(task.batch(split, 4, 4, 3, 2, 0)[0][2], given)


def test_after_the_stop_the_loss_is_of_one_step_and_rolled_out_frames(sequences):
    split = sequences(split="train", pool="train")
    model, chosen, sampling = made({"kind": "scheduled_sampling", "stop": 0.0})
    loss = Objective(split, chosen, sampling).loss(model, (0, 4), step=0)
    video = split.video(0, 4, 5, 0)
    steps = [model(video[:, :seen], 1) for seen in (1, 2)]
    predicted = torch.cat([*steps, model(video[:, :3], 2)], dim=1)
    torch.testing.assert_close(loss, (predicted - video[:, 1:]).square().mean())
    model, chosen, sampling = made({"kind": "scheduled_sampling", "stop": 1.0})
    given = Objective(split, chosen, sampling).loss(model, (0, 4), step=0)
    assert abs(given - loss) > 1e-7  # the last frame is fed before the stop


@pytest.mark.law("training/strategies/extra_loss")
def test_the_loss_of_a_model_is_added_by_its_weight(sequences):
    split = sequences(split="train", pool="train")
    model, chosen, strategy = made({"kind": "extra_loss", "weight": 0.1}, PREDRNN)
    loss = Objective(split, chosen, strategy).loss(model, (0, 4), step=0)
    plain, chosen, without = made(None, PREDRNN)
    base = Objective(split, chosen, without).loss(plain, (0, 4), step=0)
    model(split.video(0, 4, 3, 0), 2)
    extra = model.extra_loss()
    assert extra > 0.01
    torch.testing.assert_close(loss, base + 0.1 * extra)


def test_both_strategies_train_together(sequences):
    splits = [sequences(split=name, pool=name) for name in ("train", "val")]
    both = [REVERSE, {"kind": "extra_loss", "weight": 0.1}]
    results = []
    for chosen in (both, both, [REVERSE], None):
        model, wanted, strategy = made(chosen, PREDRNN)
        records, _ = train(model, *splits, wanted, strategy=strategy)
        results.append([record["validation_error"] for record in records])
    assert results[0] == results[1]
    assert len({tuple(each) for each in results}) == 3
    assert all(math.isfinite(error) for each in results for error in each)


@pytest.mark.parametrize(
    ("strategy", "message"),
    [
        ("scheduled_sampling", "a Forecaster is fed no true frames"),
        ("extra_loss", "extra_loss: a Forecaster has none"),
    ],
)
def test_models_that_cannot_are_refused(strategy, message):
    flow = {"kind": "translation", "max_speed": 0}
    with pytest.raises(UserError, match=message):
        made(strategy, {"kind": "forecaster", "flow": flow, "hidden": 2})
    with pytest.raises(UserError, match="stop must be from 0 to 1, got 2"):
        made({"kind": "scheduled_sampling", "stop": 2.0})
