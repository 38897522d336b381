"""Curricula: stages of horizons and speeds, of epochs or of errors, heads, resuming."""

import pytest
import torch

from continued import made, require_same_bits, run
from fernn.data import changing_digits
from fernn.training.ahead import Ahead
from fernn.training.gradient import Objective
from labrun.errors import UserError

HORIZONS = {"kind": "curriculum", "horizons": [1, 2, 4]}
SPEEDS = {"kind": "curriculum", "speeds": [0, 1, 2]}


@pytest.fixture
def splits(sequences):
    return [sequences(split=name, pool=name) for name in ("train", "val")]


@pytest.mark.law("training/strategies/curriculum")
def test_one_stage_of_all_frames_is_plain_training(splits):
    plain, weights = run(None, splits)
    for single in ({"horizons": [2]}, {"speeds": [2]}, {"horizons": [2], "window": 2}):
        records, found = run({"kind": "curriculum", **single}, splits)
        assert all(torch.equal(found[name], weights[name]) for name in weights)
        assert [each.pop("stage") for each in records] == [0, 0, 0, 0]
        assert records == plain


def test_stages_have_equal_shares_of_the_steps_and_begin_after_an_error(splits):
    records, _ = run(HORIZONS, splits, epochs=6)
    assert [record["stage"] for record in records] == [0, 0, 1, 1, 2, 2]
    own = [record["train_loss"] for record in run(HORIZONS, splits, epochs=6)[0]]
    error = {**HORIZONS, "by": "train_loss", "below": sorted(own)[0] * 0.9}
    assert [r["stage"] for r in run(error, splits, epochs=3)[0]] == [0, 0, 0]
    error["below"] = 1e3
    assert [r["stage"] for r in run(error, splits, epochs=4)[0]] == [1, 2, 2, 2]


def test_the_last_stage_chooses_the_weights(splits):
    """Those of an earlier epoch do not compete, even with a smaller error."""
    spec = {**HORIZONS, "horizons": [2, 1]}  # what follows unlearns
    records, weights = run(spec, splits, epochs=4, learning_rate=0.1)
    model, *_ = made(None)
    model.load_state_dict(weights)
    errors = [record["validation_error"] for record in records]
    from continued import SPEC
    from fernn.training.loop import validate
    from fernn.training.settings import settings

    found = validate(model, splits[1], settings(SPEC, 0))["validation_error"]
    assert found == min(errors[2:])


def test_a_window_learns_the_newest_frames(splits):
    model, chosen, way = made({**HORIZONS, "window": 1})
    way.stage = 2
    loss = Objective(splits[0], chosen, way).loss(model, (0, 4), step=0)
    video = splits[0].video(0, 4, 7, 0)
    gaps = (model(video[:, :3], 4) - video[:, 3:]).square().mean((0, 2, 3, 4))
    torch.testing.assert_close(loss, gaps[3])
    assert abs(loss - gaps.mean()) > 1e-6
    way.window = 3
    loss = Objective(splits[0], chosen, way).loss(model, (0, 4), step=0)
    torch.testing.assert_close(loss, gaps[1:].mean())


def test_slow_sequences_differ_by_their_velocities_alone(splits):
    fast = splits[0]
    for epoch in (0, 3):
        slow, still = (fast.with_speed(speed).rows(epoch, 0, 24) for speed in (1, 0))
        own = fast.rows(epoch, 0, 24)
        same = fast.with_speed(2).rows(epoch, 0, 24)
        for name, values in own.items():
            assert (same[name] == values).all()
            if "velocity" in name:
                assert abs(slow[name]).max() == 1 and not still[name].any()
            else:
                assert (slow[name] == values).all()
    video = Ahead(fast).with_speed(0).video(0, 4, 5, 1)
    assert torch.equal(video[:, :1].expand_as(video), video)
    with pytest.raises(UserError, match="from 0 to that of the data, 2"):
        fast.with_speed(3)


def test_slow_digits_that_could_change_are_slow_too(recipe, atlas):
    """Their motion draws velocities, and is not that of the fast ones."""
    about = {"kind": "changing_digits", "motion": {"kind": "piecewise", "every": 3}}
    fast = changing_digits.Sequences(recipe(**about), atlas)
    assert abs(fast.rows(1, 0, 24)["velocity_columns"]).max() == 2
    slow, still = (fast.with_speed(speed) for speed in (1, 0))
    for name in ("velocity_columns", "change_columns"):
        assert abs(slow.rows(1, 0, 24)[name]).max() == 1
    video = still.video(0, 4, 8, 1)
    assert torch.equal(video[:, :1].expand_as(video), video)


@pytest.mark.parametrize("strategy", [HORIZONS, {**SPEEDS, "below": 1e3}])
def test_a_stopped_curriculum_continues_in_each_stage(splits, tmp_path, strategy):
    """Within stages 0, 1 and 2, and between two of them."""
    require_same_bits(strategy, splits, tmp_path, (2, 3, 7, 10))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"horizons": None}, "has horizons, speeds, or as many of both"),
        ({"speeds": [1]}, "has horizons, speeds, or as many of both"),
        ({"horizons": [1] * 13}, "13 stages do not fit 12 steps"),
        ({"horizons": [0, 1]}, "must be positive"),
        ({"window": 0}, "must be positive"),
        ({"by": "error"}, "no by 'error'"),
    ],
)
def test_a_wrong_curriculum_is_refused(changes, message):
    with pytest.raises(UserError, match=message):
        made({**HORIZONS, **changes})
