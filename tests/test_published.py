"""What is compared with published numbers is what the plan resolves to, key by key."""

from __future__ import annotations

from pathlib import Path

import pytest

from fernn.config.check import checked
from fernn.config.options import complete
from fernn.config.plan import plan
from fernn.config.positions import merge, read
from labrun.errors import UserError

SHIPPED = read(Path(__file__).parents[1] / "config.yaml")
MODELS = ("grnn", "fernn_v1", "fernn_v2")


def attrs(budget="paper", experiment="translation_published", change=lambda raw: None):
    """What the plan says of an experiment, after a change of the configuration."""
    raw = {**merge([SHIPPED]), "budget": budget}
    change(raw)
    return plan(checked(raw, [SHIPPED]))["experiments"][experiment]["attrs"]


def differs(*args, model="fernn_v2", **changes) -> dict:
    found = attrs(*args, **changes)["models"][model]["differs"]
    return {key: (ours, theirs) for key, ours, theirs in found}


def test_the_published_settings_are_those_of_paper_with_the_published_protocol():
    assert all(differs(model=model) == {} for model in MODELS)
    exact = differs("paper", "translation")
    assert exact["model.rollout"] == ("advect", "repeat")
    assert exact["training.schedule"] == ("one_cycle", "constant")
    assert exact["training.epochs"] == (16, 50)
    assert exact.keys() & {"model.hidden", "test.sequences"} == set()
    small = differs("mnist-small")
    assert small["model.hidden"] == (8, 128) and small["source.shrink"] == (2, 1)
    assert "model.rollout" not in small
    other = differs("demo", "translation")  # what a source has not is not as published
    assert other["source.kind"] == ("handwritten", "idx")
    assert other["source.shrink"] == (None, 1)


def test_rotation_is_reduced_and_kth_is_not():
    reduced = {"model.hidden": (8, 32), "training.sequences": (10000, 54000)}
    for model in ("grnn_turn_published", "fernn_turn_v4_published"):
        assert differs("paper", "rotation_published", model=model) == reduced
    for model in ("conv3d", "grnn_kth", "grnn_plus", "fernn_kth_v1", "fernn_kth_v2"):
        assert differs("paper", "kth", model=model) == {}

    def change(raw):
        raw["experiments"]["kth"]["dataset"]["redraw"] = "epoch"
        raw["protocols"]["kth"]["select_by"] = "error"

    keys = {"train.redraw", "training.select_by"}
    assert differs("paper", "kth", model="conv3d", change=change).keys() == keys


def test_every_change_of_a_size_is_named():
    """Of the names nothing changes: the budget is `paper`, its protocol `published`."""

    def change(raw):
        sizes = {"hidden": 4, "digits": 1, "epochs": 1, "precision": "bfloat16"}
        raw["budgets"]["paper"] |= sizes

    assert differs(change=change) == {
        "model.hidden": (4, 128),
        "train.digits": (1, 2),
        "test.digits": (1, 2),
        "training.epochs": (1, 50),
        "training.precision": ("bfloat16", "tf32"),
    }


@pytest.mark.parametrize(
    ("section", "name", "given", "key"),
    [
        ("protocols", "published", {"learning_rate": 0.01}, "training.learning_rate"),
        ("protocols", "published", {"rollout": "free"}, "model.rollout"),
        ("protocols", "published", {"optimiser": "SGD"}, "training.optimiser"),
        ("protocols", "published", {"loss": "cross_entropy"}, "training.loss"),
        ("models", "fernn_v2", {"activation": "tanh"}, "model.activation"),
        ("models", "fernn_v2", {"pooling": "mean"}, "model.pooling"),
        ("sources", "mnist", {"shrink": 2}, "source.shrink"),
    ],
)
def test_what_a_default_decided_is_compared_too(section, name, given, key):
    def change(raw):
        raw[section][name] = raw[section][name] | given

    assert differs(change=change).keys() == {key}


def test_a_model_is_what_it_is_made_of_and_not_its_name():
    def change(raw):
        raw["models"]["fernn_v2"]["flow"] = {"kind": "translation", "max_speed": 1}

    assert differs(change=change) == {"model.flow.max_speed": (1, 2)}
    assert differs(model="fernn_v1", change=change) == {}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"settings": {"model": {"hiden": 128}}},
            "no setting 'model.hiden'; did you mean 'model.hidden'",
        ),
        ({"margin": 1}, "published.translation.margin: must be above 1"),
        ({"scale": "difference", "margin": None}, "margin"),
        ({"against": "grn"}, "no value 'grn'; did you mean 'grnn'"),
        ({"shown": "forecasting"}, "no figure or table 'forecasting'"),
    ],
)
def test_mistakes_are_told_with_the_nearest_name(given, message):
    def change(raw):
        entry = raw["published"]["translation"]
        entry |= given
        if entry["margin"] is None:
            del entry["margin"]

    with pytest.raises(UserError, match=r"published\.translation") as told:
        attrs(change=change)
    assert message in str(told.value) and len(str(told.value).splitlines()) == 1


def test_a_specification_is_completed_with_the_defaults_of_its_kind():
    spec = {"kind": "glide", "share": 0.5}
    found = complete("data", {"kind": "changing_digits", "motion": spec})
    assert found["flow"] == "translation" and found["frames"] is None
    assert found["motion"].items() > spec.items()
    assert complete("models", {"kind": "conv3d", "hidden": 4})["hidden"] == 4
