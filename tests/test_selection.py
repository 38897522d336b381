"""Which epoch is kept, and which trial wins: by the error, or by the accuracy."""

import copy

import pytest
import torch

from fernn import models
from fernn.cli import _trial
from fernn.config.check import checked
from fernn.config.plan import plan
from fernn.config.positions import merge
from fernn.training import loop, tasks
from fernn.training.listeners import best_of, listeners
from fernn.training.loop import train, validate
from fernn.training.settings import settings
from fernn.training.tasks import classify
from labrun.errors import UserError
from mock_clips import sequences as clips
from test_config import SHIPPED

SPEC = {"batch": 4, "sequences": 12, "epochs": 3, "context": 3, "horizon": 0}
MODEL = {"kind": "conv3d", "width": 4}
RECORDS = [
    {"epoch": epoch, "validation_error": error, "validation_accuracy": share}
    for epoch, error, share in [(1, 0.9, 0.25), (2, 0.5, 0.5), (3, 0.7, 0.75)]
]


def found(record):
    """What validation measures."""
    return {name: record[name] for name in ("validation_error", "validation_accuracy")}


def chosen(select_by="accuracy", **changes):
    return settings({**SPEC, "select_by": select_by, **changes}, seed=0)


def splits():
    shape = {"frames": 3, "sequences": 48}
    return [clips(split=name, pool=name, **shape) for name in ("train", "val")]


def test_an_answer_is_right_where_its_class_is_the_likeliest():
    logits = torch.tensor([[2.0, 0, 0], [1, 1.5, 1], [0, 0, -1], [-3, -2, -1]])
    right = classify.correct(logits, torch.tensor([0, 2, 0, 2]))
    assert right.tolist() == [True, False, True, True]


@pytest.mark.parametrize(("select_by", "best"), [("error", 1), ("accuracy", 2)])
def test_the_best_epoch_is_kept_and_of_equal_ones_the_first(
    monkeypatch, select_by, best
):
    """The validation of four epochs is scripted: the last two share an accuracy."""
    script = iter([*RECORDS, {**RECORDS[2], "validation_error": 0.6}])
    monkeypatch.setattr(loop, "validate", lambda *about: found(next(script)))
    torch.manual_seed(0)
    model, seen = models.build(MODEL, 6), []
    how = chosen(select_by, epochs=4, learning_rate=0.02)
    told = {"on_epoch": lambda record: seen.append(copy.deepcopy(model.state_dict()))}
    records, weights = train(model, *splits(), how, **told)
    assert [record["validation_error"] for record in records] == [0.9, 0.5, 0.7, 0.6]
    same = [all(torch.equal(weights[k], at[k]) for k in weights) for at in seen]
    assert same == [epoch == best for epoch in range(4)]


def test_what_selects_changes_no_step():
    histories = []
    for select_by in ("error", "accuracy"):
        torch.manual_seed(0)
        model = models.build(MODEL, 6)
        histories.append(train(model, *splits(), chosen(select_by, epochs=2))[0])
    for plain, with_accuracy in zip(*histories, strict=True):
        assert with_accuracy.keys() - plain.keys() == {"validation_accuracy"}
        assert plain.items() <= with_accuracy.items()


def test_the_accuracy_is_a_mean_over_all_samples():
    model, (_, split) = models.build(MODEL, 6).eval(), splits()
    with torch.no_grad():
        likeliest = model(split.video(0, 48, 3)).argmax(1)
    expected = (likeliest == split.labels(0, 48)).double().mean().item()
    for piece in (48, 7):
        mean = validate(model, split, chosen(), piece)
        assert mean["validation_accuracy"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(("select_by", "least"), [("error", 0.5), ("accuracy", 0.25)])
def test_a_trial_is_worth_what_selects_its_epoch(select_by, least):
    """Pruning is told the same number: the error, or the share of wrong answers."""
    how, reports = chosen(select_by), []
    assert _trial._lowest(how, RECORDS) == least

    class Opened:
        class spool:
            metrics = staticmethod(lambda step, values: None)

        advance = staticmethod(lambda *told: None)

    on_each, _ = _trial.listeners_of(
        Opened, "x", how, lambda *told: reports.append(told)
    )
    for record in RECORDS:
        on_each({**record, "updates": 1, "train_loss": 1.0, "learning_rate": 0.1})
    assert reports == [(r["epoch"], how.decisive(r)) for r in RECORDS]
    assert min(value for _, value in reports) == least


def test_the_tracker_is_told_the_accuracy_as_such():
    told = []

    class Spool:
        metrics = staticmethod(lambda step, values: told.append(values))

    on_epoch, _ = listeners(Spool, lambda *about: None, "cross_entropy")
    on_epoch({**RECORDS[2], "updates": 9, "train_loss": 1.0, "learning_rate": 0.1})
    assert told[0] == {
        "train/epoch": 3,
        "train/loss": 1.0,
        "train/learning_rate": 0.1,
        "val/cross_entropy": 0.7,
        "val/accuracy": 0.75,
    }
    assert best_of(chosen(), "cross_entropy", 0.25) == {"val/best_accuracy": 0.75}
    assert best_of(chosen("error"), "mse", 0.25) == {"val/best_mse": 0.25}


def test_what_has_no_accuracy_is_not_selected_by_it(sequences):
    moving = sequences()
    with pytest.raises(
        UserError, match=r"select_by 'accuracy': flowing_digits has none"
    ):
        train(torch.nn.Linear(1, 1), moving, moving, chosen())
    assert tasks.measures(moving, "error").keys() == {"validation_error"}
    with pytest.raises(UserError, match="no select_by 'accurate'; did you mean"):
        chosen("accurate")


def test_the_configuration_refuses_it_with_its_place():
    change = merge([SHIPPED])
    change["protocols"]["exact"]["select_by"] = "accuracy"
    message = r"protocols.exact.select_by: is 'accuracy', and models of 'translation'"
    with pytest.raises(UserError, match=message):
        checked(change, [SHIPPED])
    change["protocols"]["exact"]["select_by"] = "error"
    change["budget"] = "paper"
    made = plan(checked(change, [SHIPPED]))["experiments"]
    told = {
        name: {entry["training"]["select_by"] for entry in each["models"].values()}
        for name, each in made.items()
    }
    assert told["kth"] == told["kth_slow"] == {"accuracy"}
    assert told["translation"] == told["actions"] == {"error"}
