"""Any option of a protocol or a model can be tuned, and the chosen value is trained."""

import json
from typing import Any

import jaxtyping
import pytest

from copied import ROOT
from fernn import checkpoint
from fernn.cli import main
from fernn.config.check import checked
from fernn.config.plan import plan
from fernn.config.positions import merge, read
from fernn.evaluation.cubes import combine
from fernn.training.settings import settings
from labrun.errors import UserError
from labrun.storage import read_dataset, write_dataset

SHIPPED = read(ROOT / "config.yaml")
RATE = {"low": 0.0003, "high": 0.02, "log": True}
LINE = "collisions_line: { tuning: { ranges: null } }"
ALL = f"{{ tuning: {{ ranges: null }}, sizes: {{ {LINE} }} }}"
WIDTH = "hidden: { low: 2, high: 16, integer: true }"
OWN = "{ exact: { tuning: null }, changing: { tuning: null } }"  # no search


@pytest.fixture
def tuned(tmp_path):
    """What is tuned of each model, with ranges on top of the shipped general ones."""

    def tuned(ranges, experiment="actions", first=""):
        file, search = tmp_path / "mine.yaml", f"{{ ranges: {{ {ranges} }} {first} }}"
        file.write_text(f"tuning: {search}\nprotocols: {OWN}")
        with file.open("a") as more:
            more.write(f"\nbudgets: {{ demo: {ALL} }}")
        sources = [SHIPPED, read(file)]
        models = plan(checked(merge(sources), sources))["experiments"][experiment]
        return {name: each["tuning"] for name, each in models["models"].items()}

    return tuned


def test_a_model_gets_the_ranges_of_the_options_it_has(tuned):
    found = tuned(f"{WIDTH}, pooling: {{ choices: [max, mean] }}")
    width = {"low": 2, "high": 16, "log": False, "integer": True}
    shared = {"learning_rate": RATE, "hidden": width}
    assert found["conv3d_pan"]["ranges"] == shared
    choice = {"pooling": {"choices": ["max", "mean"]}}
    assert found["grnn_pan"]["ranges"] == {**shared, **choice}
    start = {"hidden": 8, "pooling": "max"}
    # A rate of 0.01 is that of trial 0, which is not tried again.
    assert found["grnn_pan"]["first"] == [{"learning_rate": 0.005, **start}]


def test_a_point_is_for_the_models_that_have_its_options(tuned):
    mean = ", first: [{ pooling: mean }]"
    found = tuned("pooling: { choices: [max, mean] }", first=mean)
    assert found["conv3d_pan"]["first"] == []
    assert found["grnn_pan"]["first"] == [{"learning_rate": 0.01, "pooling": "mean"}]


@pytest.fixture
def exact():
    """What is trained and tuned of `translation`, after a change of its protocol."""

    def resolve(budget="mnist-small", **changes):
        raw = {**merge([SHIPPED]), "budget": budget}
        raw["protocols"]["exact"] |= changes
        return plan(checked(raw, [SHIPPED]))["experiments"]["translation"]

    return resolve


def test_the_shipped_search_gives_every_model_its_own_recipe(exact):
    """The same trials for all, the baseline too; the demo searches the rate alone.

    But for the roll-out of a trial that says nothing of it: that is the model's.
    """
    models = exact()["models"]
    trials = set()
    for each in models.values():
        own = each["model"]["rollout"]
        text = json.dumps(each["tuning"]["first"]).replace(f'"{own}"', '"own"')
        trials.add(text + json.dumps(each["tuning"]["ranges"]))
    assert len(trials) == 1
    assert {"rollout", "initial"} < models["grnn"]["tuning"]["ranges"].keys()
    demo = exact("demo")["models"]["grnn"]["tuning"]
    assert demo["ranges"] == {"learning_rate": RATE}
    assert demo["first"] == [{"learning_rate": 0.005}, {"learning_rate": 0.01}]


@pytest.mark.parametrize(
    ("extended", "searched", "given", "frames"),
    [
        (True, True, None, 20),
        (False, True, None, 20),  # a trial that extends it is measured on 20, too
        (False, False, None, 5),
        (True, False, None, 20),
        (False, False, "long_horizon", 20),
        (True, True, "horizon", 5),
    ],
)
def test_all_trials_and_models_are_validated_on_the_same_frames(
    exact, extended, searched, given, frames
):
    search = {"ranges": {"learning_rate": RATE}}
    if searched:
        search["ranges"]["extend_horizon"] = {"choices": [True, False]}
    made = exact(extend_horizon=extended, validation_horizon=given, tuning=search)
    for entry in made["models"].values():
        for run in (entry["trial"], entry["training"]):
            for value in (True, False):  # as a trial has it
                tried = settings({**run, "extend_horizon": value}, seed=0)
                assert tried.validated == frames
    assert made["axes"]["curves"]["spec"]["horizon"] == frames
    assert made["attrs"]["long_horizon"] == (20 if extended or searched else 5)


def test_a_budget_takes_ranges_that_there_are():
    def refused(change):
        raw = merge([SHIPPED])
        raw["budgets"]["demo"] |= change
        with pytest.raises(UserError) as caught:
            checked(raw, [SHIPPED])
        return str(caught.value)

    counts = {"trials": 4, "epochs": 2}
    told = refused({"tuning": {**counts, "ranges": ["rolout"]}})
    assert "demo.tuning.ranges.0: no range 'rolout'; did you mean 'rollout'?" in told
    own = {"actions": {"tuning": {**counts, "ranges": ["rollout"]}}}
    told = refused({"sizes": own})  # its protocol has no such range
    assert "sizes.actions.tuning.ranges.0: no range 'rollout'" in told


@pytest.mark.parametrize(
    "experiment", merge([SHIPPED])["budgets"]["paper"]["experiments"]
)
def test_a_search_at_the_published_size_draws_eight_trials_or_more(experiment):
    raw = {**merge([SHIPPED]), "budget": "paper"}
    for entry in plan(checked(raw, [SHIPPED]))["experiments"][experiment][
        "models"
    ].values():
        search = entry["tuning"]
        drawn = search["trials"] - 1 - len(search["first"])
        assert drawn >= 8 or not search["ranges"]


def test_an_option_that_a_models_own_entry_gives_is_not_tuned(tuned):
    found = tuned("hidden: { low: 2, high: 16, integer: true }", "collisions_line")
    assert "hidden" in found["fernn_line"]["ranges"]
    assert "hidden" not in found["fernn_line_wide"]["ranges"]  # it gives 11
    with pytest.raises(UserError, match="last: cannot be tuned: no model leaves it"):
        tuned("last: { choices: [1, 6] }")


@pytest.mark.parametrize(
    ("ranges", "message"),
    [
        (
            "hiden: { low: 2, high: 16 }",
            "hiden: cannot be tuned; did you mean 'hidden'",
        ),
        ("batch: { choices: [4, 8] }", "batch: cannot be tuned: it is a size of the"),
        ("flow: { choices: [a, b] }", "flow: cannot be tuned: it is a mapping, and"),
        ("hidden: { low: 2, high: 16 }", "whole number, got 2.0; with `integer: true`"),
        (
            "hidden: { low: 9, high: 16, integer: true }",
            "does not hold 8, trial 0's of",
        ),
        ("hidden: { low: 0, high: 16, integer: true }", "must be at least 1, got 0"),
        ("hidden: { low: 1.5, high: 16, integer: true }", "of whole numbers has whole"),
        ("kernel: { low: 3, high: 5, integer: true }", "odd and positive, got 4"),
        ("pooling: { choices: [max, mix] }", "no pooling 'mix'; did you mean 'max'"),
        ("pooling: { choices: [max] }", "pooling: needs two or more that differ"),
        ("clip: { choices: [1, 1.0] }", "clip: needs two or more that differ"),
        ("clip: { low: 0, high: 2 }", "clip: must be above 0, got 0.0"),
        ("clip: { low: 1 }", "clip: is given by low and high, or by choices"),
        ("clip: { low: 1, high: 2, choices: [1, 2] }", "or by choices, not by both"),
        ("clip: { low: 2, high: 1 }", "clip: is no interval, got 2.0 … 1.0"),
        ("clip: { choices: [2, 3] }", "1.0 is none of the choices in tuning, [2, 3]"),
        ("schedule: { choices: [constant, one_cicle] }", "did you mean 'one_cycle'"),
    ],
)
def test_a_range_that_cannot_be_is_refused(tuned, ranges, message):
    with pytest.raises(UserError) as caught:
        tuned(ranges, "translation")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("point", "message"),
    [
        ("{ hidden: 4.5 }", "hidden: must be a whole number in tuning, got 4.5"),
        ("{ hidden: 17 }", "hidden: 17 is outside its range 2 … 16 in tuning"),
        ("{ hidden: true }", "hidden: True is outside its range 2 … 16"),
        ("{ hiden: 3 }", "hiden: has no range; did you mean 'hidden'?"),
        ("{}", "first.0: is trial 0 once more; give a value"),
    ],
)
def test_a_point_outside_the_ranges_is_refused(tuned, point, message):
    with pytest.raises(UserError) as caught:
        tuned(WIDTH, first=f", first: [{point}]")
    assert message in str(caught.value)


@pytest.fixture
def fernn(tmp_path, monkeypatch, atlas, recipe):
    """Run commands on the tiny data."""
    monkeypatch.chdir(tmp_path)
    write_dataset(atlas, "atlas.nc")
    for split in ("train", "val"):
        write_dataset(recipe(split=split, pool=split), f"{split}.nc")
    training = {"batch": 4, "sequences": 12, "epochs": 1, "context": 3, "horizon": 2}
    training |= {"learning_rate": 0.01, "extend_horizon": False, "long_horizon": 3}
    training |= {"validation_horizon": 3}
    model = {"kind": "forecaster", "flow": {"kind": "translation", "max_speed": 1}}
    model |= {"hidden": 2, "decoder_layers": 0, "activation": "relu", "rollout": "free"}
    data = ["--train", "train.nc", "--val", "val.nc", "--atlas", "atlas.nc"]
    data += ["--model", json.dumps(model), "--training", json.dumps(training)]
    jaxtyping.config.update("jaxtyping_disable", True)
    given = {"tune": [*data, "--study", "."], "train": data}
    given["trial"] = given["tune"]
    given["ask"] = ["--training", json.dumps({**model, **training})]
    yield lambda name, *more: main([name, *given.get(name, []), *map(str, more)])
    jaxtyping.config.update("jaxtyping_disable", False)


RANGES = {
    "hidden": {"low": 3, "high": 6, "integer": True, "log": True},
    "activation": {"choices": ["relu", "tanh"]},
    "rollout": {"choices": ["free", "repeat"]},
    "extend_horizon": {"choices": [False, True]},
    "learning_rate": {"low": 0.01, "high": 0.1},
}
FIRST = [{"hidden": 5, "activation": "tanh", "rollout": "repeat"}]


def searched(trials):
    wide = {**RANGES, "hidden": {**RANGES["hidden"], "low": 2}}
    return ("--tuning", json.dumps({"ranges": wide, "first": FIRST, "trials": trials}))


def in_the_ranges(params):
    assert params["rollout"] in ("free", "repeat")
    assert type(params["hidden"]) is int and 2 <= params["hidden"] <= 6
    assert params["activation"] in ("relu", "tanh")
    assert 0.01 <= params["learning_rate"] <= 0.1


def test_the_chosen_options_are_trained_and_evaluated(fernn, tmp_path):
    """From the study over the best trial and the checkpoint to the evaluation."""
    assert fernn("tune", *searched(5), "--output", "done.json") == 0
    chosen = ("--results", "done.json", "--trials", 5, "--output", "best.json")
    assert fernn("select", *chosen) == 0
    best = json.loads((tmp_path / "best.json").read_text())
    points = [trial["params"] for trial in best["trials"]]
    given = {"activation": "relu", "hidden": 2, "learning_rate": 0.01}
    given |= {"rollout": "free", "extend_horizon": False}
    assert points[0] == given and points[1] == {**given, **FIRST[0]}
    assert len({json.dumps(each) for each in points}) > 3
    for params in points:
        in_the_ranges(params)
    # Trial 1, which is not as given, whatever was the best.
    del best["checksum"]
    edge = {"learning_rate": {"value": 0.01, "low": 0.01, "high": 0.1, "side": "lower"}}
    search = {"params": points[1], "edges": edge}
    (tmp_path / "best.json").write_text(json.dumps({**best, **search}))
    run = ("--best", "best.json", "--output", "model.pt")
    assert fernn("train", *run) == 0
    model: Any = checkpoint.load("model.pt")
    assert model.cell.hidden == 5 and model.cell.activation == "tanh"
    assert checkpoint.describe("model.pt")["spec"]["model"]["hidden"] == 5
    events = [path.read_text() for path in tmp_path.glob("*.events.jsonl")]
    assert sum('"hidden": 5' in text for text in events) == 1
    about = {"statistic": "squared_error", "recipe": "val", "baselines": True}
    about["spec"] = {"context": 3, "horizon": 2, "batch": 4}
    axes = ("--axes", json.dumps({"test": about}), "--recipes", "val.nc")
    told = ("--atlas", "atlas.nc", "--seeds", 0, "--output", "shard.nc")
    assert fernn("evaluate", "--model", "m", "model.pt", *axes, *told) == 0
    # Lifting, recurrence and decoder with 3×3 kernels and 5 channels.
    shard = read_dataset("shard.nc", "test/m")
    assert shard.parameters == 9 * (5 + 5 * 5 + 5)
    about = json.loads(combine([shard], {}).attrs["models"])["m"]
    assert about["rollout"] == "repeat" and about["search"] == search
    assert type(model.rollout).__name__ == "Repeat"


def test_a_round_asks_for_options_too(fernn, tmp_path):
    sizes = ("--round", 0, "--size", 3, "--output", "round-0.json")
    assert fernn("ask", *searched(3), *sizes) == 0
    slots = json.loads((tmp_path / "round-0.json").read_text())["slots"]
    for params in slots.values():
        in_the_ranges(params)
    asked = ("--asked", "round-0.json", "--slot", 1, "--output", "trial-1.json")
    assert fernn("trial", *asked) == 0
    record = json.loads((tmp_path / "trial-1.json").read_text())
    assert record["params"]["hidden"] == 5 and record["params"]["activation"] == "tanh"
    assert (
        fernn("ask", "--tuning", '{"ranges": {"kernel": {}}, "first": []}', *sizes) == 2
    )
