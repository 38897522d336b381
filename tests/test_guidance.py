"""Guidance: linear CKA with another model's states; the guide is never changed."""

import pytest
import torch

from continued import MODEL, made, require_same_bits, run
from fernn import models
from fernn.config import protocols
from fernn.training.gradient import Objective
from fernn.training.strategies.guidance import cka
from labrun.errors import UserError

GRNN = {**MODEL, "flow": {"kind": "translation", "max_speed": 0}}
RANDOM = {"kind": "guidance", "guide": {"random": GRNN, "size": 7}, "weight": 0.5}
TRAINED = {"kind": "guidance", "guide": "other", "weight": 0.5}


@pytest.fixture
def splits(sequences):
    return [sequences(split=name, pool=name) for name in ("train", "val")]


@pytest.fixture
def guide():
    torch.manual_seed(9)
    return models.build(GRNN, size=7).eval()


@pytest.mark.law("training/strategies/guidance")
def test_cka_is_of_the_geometry():
    """Orthogonal maps, scales and shifts change nothing; others do; by features."""
    draw = torch.Generator().manual_seed(0)
    x, a, y = (
        torch.randn(shape, generator=draw, dtype=torch.float64)
        for shape in ((20, 6), (6, 6), (20, 9))
    )
    turned = torch.linalg.qr(a).Q
    assert abs(cka(x, 3 * x @ turned + 1) - 1) < 1e-12
    assert cka(x, x @ a) < 0.95
    left, right = x - x.mean(0), y - y.mean(0)
    by_features = (right.T @ left).square().sum()
    by_features /= (left.T @ left).norm() * (right.T @ right).norm()
    assert abs(cka(x, y) - by_features) < 1e-12


def test_the_penalty_is_the_weighted_distance(splits, guide):
    model, chosen, way = made(TRAINED, needs={"guide": guide})
    loss = Objective(splits[0], chosen, way).loss(model, (0, 4), step=0)
    video = splits[0].video(0, 4, 5, 0)
    plain = (model(video[:, :3], 2) - video[:, 3:]).square().mean()
    alike = []
    for seen in (2, 3):  # the last state of so many frames, as it is decoded
        states = [each.observed(video[:, :seen]) for each in (model, guide)]
        pooled = [
            each.pool_moved(state, seen)
            for each, state in zip((model, guide), states, strict=True)
        ]
        alike.append(cka(*(each.flatten(1) for each in pooled)))
    torch.testing.assert_close(loss, plain + 0.5 * (1 - sum(alike) / 2))
    assert way.whole
    with pytest.raises(UserError, match="3 sequences or more on each device, got 2"):
        way.penalty(model, (video[:2],), video, video)
    loss.backward()
    assert all(each.grad is None for each in guide.parameters())
    assert all(each.grad is not None for each in model.parameters())


def test_a_guide_stays_as_it_is_and_pulls(splits, guide):
    before = {name: value.clone() for name, value in guide.state_dict().items()}
    heavy = {**TRAINED, "weight": 10.0}
    records, _ = run(heavy, splits, needs={"guide": guide}, epochs=8)
    assert records[-1]["alignment"] > records[0]["alignment"]
    loose = run({**heavy, "weight": 0.0}, splits, needs={"guide": guide}, epochs=8)
    assert records[-1]["alignment"] > loose[0][-1]["alignment"]
    assert all(torch.equal(v, before[k]) for k, v in guide.state_dict().items())


def test_a_guide_draws_no_weights_of_the_model(splits):
    """Without weight or time it is plain training, bit for bit."""
    plain = run(None, splits)[1]
    for weightless in ({"weight": 0.0}, {"until": 0.0}):
        weights = run({**RANDOM, **weightless}, splits)[1]
        assert all(torch.equal(weights[name], plain[name]) for name in plain)
    guided = run(RANDOM, splits)[1]
    assert not all(torch.equal(guided[name], plain[name]) for name in plain)


@pytest.mark.parametrize("until", [1.0, 0.5])
def test_a_stopped_guidance_continues(splits, tmp_path, until):
    require_same_bits({**RANDOM, "until": until}, splits, tmp_path, (2, 6, 8))


def test_only_a_trained_guide_is_an_edge():
    named = {"kind": "guidance", "guide": {"random": "grnn"}}
    assert protocols.needs([TRAINED, "scheduled_sampling"]) == {"guide": "other"}
    assert protocols.needs(named) == {}
    assert protocols.untrained(["scheduled_sampling", named]) == {"guide": "grnn"}
    assert protocols.untrained(TRAINED) == {}
    told = protocols.with_untrained(named, lambda name: {"random": {"kind": name}})
    assert told["guide"] == {"random": {"kind": "grnn"}}
    assert named["guide"] == {"random": "grnn"}


@pytest.mark.parametrize(
    ("strategy", "changes", "message"),
    [
        (TRAINED, {}, "guidance needs a trained model as 'guide'"),
        ({**RANDOM, "until": 2.0}, {}, "until must be from 0 to 1, got 2.0"),
        ({**RANDOM, "guide": {"randm": GRNN}}, {}, "must be a model of the experiment"),
        (RANDOM, {"batch": 2}, "needs 3 sequences of 2 frames or more in a batch"),
        (RANDOM, {"model": {"kind": "convlstm", "hidden": 2}}, "ConvLstm has no feat"),
    ],
)
def test_a_wrong_guidance_is_refused(strategy, changes, message):
    with pytest.raises(UserError, match=message):
        made(strategy, **changes)
