"""Tasks in turn by a hypernetwork: what it emits, keeps, bakes and continues."""

import pytest
import torch
from torch.func import functional_call

from continued import MODEL, made, require_same_bits
from fernn import models
from fernn.training.gradient import Objective
from fernn.training.loop import train, validate
from labrun.errors import UserError

TURNS = {"kind": "hypernetwork", "speeds": [2, 0], "units": 8, "chunk": 16}


@pytest.fixture
def splits(sequences):
    return [sequences(split=name, pool=name) for name in ("train", "val")]


def trained(strategy, splits, **changes):
    """The strategy after a training, and what that gave."""
    model, chosen, way = made(strategy, **changes)
    return way, *train(model, *splits, chosen, strategy=way)


def test_an_lstm_over_the_layers_emits_their_weights_in_parts():
    """Of the second task, by one step of the cell for each part of a layer."""
    model, _, way = made(TURNS)
    start, emitter = dict(model.named_parameters()), way.emitter
    torch.nn.init.normal_(emitter.head.weight, std=0.1)
    cell, state, emitted = torch.nn.LSTMCell(32, 8), None, []
    for own, other in zip(cell.parameters(), emitter.lstm.parameters(), strict=True):
        own.data = other.data
    for layer in emitter.layers:
        state = cell(torch.cat([emitter.tasks[1], layer]), state)
        emitted.append(emitter.head(state[0]))
    found = emitter.named(emitter([0, 1])[1])
    assert {*found} == {name for name in start if not name.startswith("scaffold")}
    for name, weight in found.items():
        parts = [emitted.pop(0) for _ in range(-(-weight.numel() // 16))]
        own = torch.cat(parts)[: weight.numel()].view(weight.shape)
        torch.testing.assert_close(weight, start[name] + own)
    assert not emitted


def test_training_begins_as_that_of_the_model_itself(splits):
    plain, *_ = made(None)
    model, _, way = made(TURNS)
    own = way.source(0, splits[0], None)[0]
    video = own.video(0, 4, 5, 0)
    assert torch.equal(
        way.call(model, (video[:, :3], 2), video), plain(video[:, :3], 2)
    )


def test_a_task_begins_with_the_weights_of_the_one_before(splits):
    """It has them until then, too, where errors of tasks to come are told."""
    model, _, way = made(TURNS)
    torch.nn.init.normal_(way.emitter.head.weight, std=0.1)
    assert not torch.equal(way.emitter([0]), way.emitter([1]))
    errors = way.held_out(
        splits[1], lambda split: model.cell.conv_u.weight.sum().item()
    )
    assert errors["task_1_speed_0"] == errors["task_0_speed_2"]
    way.before_step({"step": 6, "records": []}, None)  # half of the epochs are done
    assert way.stage == 1
    assert torch.equal(way.emitter([0]), way.emitter([1]))
    assert torch.equal(way.emitter([0]), way.before)


def test_the_loss_holds_the_weights_of_earlier_tasks(splits):
    """Of the second task, with weights that have moved since."""
    way, *_ = trained({**TURNS, "beta": 0.5}, splits)
    model, chosen = way.model, way.settings
    loss = Objective(splits[0], chosen, way).loss(model, (0, 4), step=9)
    now = way.emitter([0, 1])
    video = splits[0].with_speed(0).video(0, 4, 5, 3)
    told = functional_call(model, way.emitter.named(now[1]), (video[:, :3], 2))
    moved = (now[0] - way.before[0]).square().sum()
    assert moved > 0
    torch.testing.assert_close(
        loss, (told - video[:, 3:]).square().mean() + 0.5 * moved
    )


@pytest.mark.law("training/strategies/hypernetwork")
def test_a_heavy_penalty_keeps_what_was_learnt_and_none_does_not(splits):
    moved = {}
    for beta in (0.0, 100.0):
        way, records, _ = trained({**TURNS, "beta": beta}, splits, epochs=8)
        assert [record["stage"] for record in records] == [0] * 4 + [1] * 4
        moved[beta] = (way.emitter([0])[0] - way.before[0]).norm()
    assert moved[100.0] < moved[0.0] / 5


def test_the_checkpoint_is_a_model_that_predicts_as_its_task_did(splits):
    way, records, weights = trained({**TURNS, "task": 0}, splits)
    spec, kept = way.kept(MODEL, weights)
    plain = models.build(spec, size=7)
    plain.load_state_dict(kept)
    video = splits[1].video(0, 4, 3)
    with torch.no_grad():  # where an LSTM rounds as it did when they were baked
        told, other = (
            functional_call(way.model, way.emitter.named(each[0]), (video, 2))
            for each in (way.emitter([0]), way.emitter([1]))
        )
        assert torch.equal(plain(video, 2), told)
    assert not torch.equal(told, other)
    for task, speed in enumerate(TURNS["speeds"]):  # each by its weights, of its data
        way.bake(task)
        error = validate(way.model, splits[1].with_speed(speed), way.settings)
        assert error["validation_error"] == records[-1][f"task_{task}_speed_{speed}"]
    errors = [record["validation_error"] for record in records]
    assert errors == [record["task_0_speed_2"] for record in records]
    assert min(errors) < errors[-1]  # the newest weights are kept, not the best


def test_stopped_tasks_continue_in_each(splits, tmp_path):
    """Within the first, at its end, just after it and later."""
    require_same_bits(TURNS, splits, tmp_path, (2, 6, 7, 10))


@pytest.mark.parametrize(
    ("strategy", "changes", "message"),
    [
        ({**TURNS, "speeds": []}, {}, "speeds must be different and not negative"),
        ({**TURNS, "speeds": [1, 1]}, {}, "speeds must be different and not negative"),
        ({**TURNS, "speeds": [-1]}, {}, "speeds must be different and not negative"),
        (TURNS, {"epochs": 1}, "2 tasks do not fit 1 epochs"),
        ({**TURNS, "task": 2}, {}, "task must be from 0 to 1, got 2"),
        ({**TURNS, "beta": -1.0}, {}, "beta must not be negative"),
        ({**TURNS, "chunk": 0}, {}, "chunk must be positive"),
        ([TURNS, "multi_frame"], {}, "replaces the weights that others act on"),
        (
            TURNS,
            {"model": {**MODEL, "checkpoint": "segments"}},
            "other weights, got seg",
        ),
    ],
)
def test_what_cannot_be_learnt_in_turn_is_refused(strategy, changes, message):
    with pytest.raises(UserError, match=message):
        made(strategy, **changes)
