"""Penalties beside a roll-out: heads that are the flow, a teacher, and all together."""

import pytest
import torch

from continued import MODEL, made, require_same_bits, run
from fernn import models
from fernn.training.gradient import Objective
from labrun.errors import UserError

FREE = {**MODEL, "rollout": "free"}
HEADS = {"kind": "multi_frame", "weight": 0.5}
PUPIL = {"kind": "distill", "teacher": "it", "output": 2.0}
STATES = {**PUPIL, "output": 0.0, "state": 3.0}


@pytest.fixture
def splits(sequences):
    return [sequences(split=name, pool=name) for name in ("train", "val")]


@pytest.fixture
def teacher():
    torch.manual_seed(9)
    flow = {"kind": "translation", "max_speed": 0}
    return models.build({**MODEL, "hidden": 5, "flow": flow}, size=7).eval()


def loss(strategy, splits, model=FREE, needs=None):
    built, chosen, way = made(strategy, model, needs)
    found = Objective(splits[0], chosen, way).loss(built, (0, 4), step=0)
    video = splits[0].video(0, 4, 5, 0)
    return found, built, video[:, :3], video[:, 3:]


@pytest.mark.law("training/strategies/multi_frame")
def test_heads_are_the_roll_out_that_only_moves(splits):
    """Of `advect` the penalty is the loss once more; of another one, that of advect."""
    found, advect, video, target = loss(HEADS, splits, {**MODEL, "rollout": "advect"})
    moved = (advect(video, 2) - target).square().mean()
    torch.testing.assert_close(found, 1.5 * moved)
    found, free, *_ = loss(HEADS, splits)
    own = (free(video, 2) - target).square().mean()
    torch.testing.assert_close(found, own + 0.5 * moved)
    assert abs(own - moved) > 1e-6


def test_consistency_is_of_states_after_predicted_frames(splits):
    spec = {**HEADS, "weight": 0.0, "consistency": 0.5}
    found, model, video, target = loss(spec, splits)
    own = (model(video, 2) - target).square().mean()
    *_, (carry, _) = model.trajectory(video, 2)
    true = model.observed(torch.cat([video, target[:, :1]], 1))
    gap = (carry.state - true).square().mean()
    torch.testing.assert_close(found, own + 0.5 * gap)
    found, advect, *_ = loss(spec, splits, {**MODEL, "rollout": "advect"})
    own = (advect(video, 2) - target).square().mean()
    torch.testing.assert_close(found, own)  # it has no such states


@pytest.mark.law("training/strategies/distill")
def test_a_teacher_is_imitated_in_outputs_and_projected_states(splits, teacher):
    needs = {"teacher": teacher}
    found, student, video, target = loss(PUPIL, splits, needs=needs)
    own = (student(video, 2) - target).square().mean()
    gap = (student(video, 2) - teacher(video, 2)).square().mean()
    torch.testing.assert_close(found, own + 2 * gap)
    found, student, *_ = loss(STATES, splits, needs=needs)
    project = student.scaffold["distill"]
    assert tuple(project.weight.shape) == (5, 3, 1, 1)
    both = zip(student.features(video), teacher.features(video), strict=True)
    gaps = [(project(a) - b).square().mean() for a, b in both]
    torch.testing.assert_close(found, own + 3 * sum(gaps) / 3)
    found.backward()
    assert project.weight.grad is not None
    assert all(each.grad is None for each in teacher.parameters())


def test_a_projection_is_trained_and_dropped(splits, teacher):
    needs = {"teacher": teacher}
    model, _, way = made(STATES, needs=needs)
    start = model.scaffold["distill"].weight.clone()
    _, weights = run(STATES, splits, needs=needs)
    assert not torch.equal(weights["scaffold.distill.weight"], start)
    plain, *_ = made(None)
    spec, kept = way.kept(MODEL, weights)
    plain.load_state_dict(kept)  # strictly: no name more or less
    assert spec == MODEL
    before = {k: v for k, v in model.state_dict().items() if k in kept}
    fresh = made(None)[0].state_dict()
    assert all(torch.equal(before[name], fresh[name]) for name in fresh)


TOGETHER = [
    {**STATES, "output": 1.0},
    {"kind": "multi_frame", "consistency": 0.1},
    {"kind": "curriculum", "horizons": [1, 3]},
]


def test_strategies_together_are_stopped_and_continued(splits, teacher, tmp_path):
    """Three of them, in both stages; each of them counts."""
    how = {"needs": {"teacher": teacher}, "model": FREE}
    whole = require_same_bits(TOGETHER, splits, tmp_path, (2, 6, 10), **how)
    for left in range(3):
        fewer = [each for n, each in enumerate(TOGETHER) if n != left]
        records = run(fewer, splits, **how)[0]
        assert records[-1]["train_loss"] != whole[0][-1]["train_loss"]


@pytest.mark.parametrize(
    ("strategy", "model", "message"),
    [
        ({**HEADS, "weight": -1.0}, FREE, "weight must not be negative, got -1.0"),
        (HEADS, {"kind": "convlstm", "hidden": 2}, "a ConvLstm moves no state"),
        ({**PUPIL, "state": -1.0}, FREE, "state must not be negative"),
        (STATES, {"kind": "convlstm", "hidden": 2}, "a ConvLstm has no features"),
    ],
)
def test_wrong_penalties_are_refused(teacher, strategy, model, message):
    with pytest.raises(UserError, match=message):
        made(strategy, model, needs={"teacher": teacher})
