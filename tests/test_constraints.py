"""What strategies told, drawn and tabulated; the error with and without relaxations."""

import numpy as np
import pytest
import torch
import xarray as xr

import mock_cubes
from fernn import checkpoint, models
from fernn.evaluation import strategy_curves, strict_error
from fernn.evaluation.cubes import combine, shard
from fernn.evaluation.relaxations import last, of_cube
from fernn.evaluation.subject import Subject
from fernn.figures import constraints
from fernn.models._relaxed import relaxations_of
from fernn.tables import relaxations
from labrun.storage import write_dataset

FLOW = {"kind": "translation", "max_speed": 1}
MODEL = {"kind": "forecaster", "flow": FLOW, "hidden": 2, "decoder_layers": 0}
ENDS = {"gamma_leak": 0.25, "lambda_leak": -0.5, "part_leak": 0.125}


@pytest.fixture
def history(tmp_path):
    """The checkpoint of a training whose strategy told some quantities."""

    def write(name, **told):
        path = tmp_path / name / "model.pt"
        path.parent.mkdir()
        columns = {"train_loss": [2.0, 1.0], "updates": [5, 10]} | told
        table = {key: ("epoch", values) for key, values in columns.items()}
        coords = {"epoch": [1, 2]}
        write_dataset(xr.Dataset(table, coords=coords), path.with_name("history.nc"))
        return Subject(path, None, None)

    return write


def curves(history, name, **told):
    return strategy_curves.measure(history(name, **told), {})


def cube(history, axis="strategy"):
    """Of a strict model and a relaxed one, two seeds each."""
    told = {name: [1.0, end] for name, end in ENDS.items()}
    more = {name: [1.0, end + 0.5] for name, end in ENDS.items()}
    seeds = {
        "strict": [curves(history, "a"), curves(history, "b")],
        "relaxed": [curves(history, "c", **told), curves(history, "d", **more)],
    }
    shards = [shard(each, (0, 1), name) for name, each in seeds.items()]
    about = {name: mock_cubes.model(name, 1, 1.0) for name in seeds}
    own = {"statistic": "strategy_curves", "axis": axis, "models": about}
    return combine(shards, {**mock_cubes.attrs("curves"), **own})


@pytest.mark.law("evaluation/strategy_curves")
def test_curves_are_those_of_the_strategy_alone(history):
    found = curves(history, "a", **{"ace.gamma_leak": [1.0, 0.5], "phase": [0, 1]})
    assert found["quantity"].values.tolist() == ["gamma_leak", "phase"]
    assert found["value"].sel(quantity="gamma_leak").values.tolist() == [1.0, 0.5]
    assert found["updates"].values.tolist() == [5, 10]
    same = {"a.gamma_leak": [1.0, 0.5], "b.gamma_leak": [0.0, 0.0]}
    assert [*curves(history, "b", **same)["quantity"].values] == [*same]
    assert curves(history, "c").sizes["quantity"] == 0


def test_ends_are_those_of_the_last_epoch(history):
    found = cube(history)
    assert of_cube(found) == ["leak"]
    gamma = last(found, "relaxed", "gamma_leak")
    assert gamma is not None and gamma.values.tolist() == [0.25, 0.75]
    assert last(found, "strict", "gamma_leak") is None
    assert last(found, "relaxed", "u_leak") is None


def test_a_row_for_each_relaxation_of_each_model(history):
    strategy = cube(history)
    errors = np.zeros((2, 2, 3, 5)) + np.array([1.0, 3.0])[:, None, None]
    dims = ("model", "seed", "sample", "frame")
    names = ("squared_error", "squared_error_strict")
    table = {name: (dims, errors * (1 + i)) for i, name in enumerate(names)}
    coords = {"model": ["strict", "relaxed"], "seed": [0, 1], "frame": np.arange(1, 6)}
    own = {"statistic": "strict_error", "draw": "sampled", "axis": "strict_error"}
    measured = xr.Dataset(table, coords=coords).assign_attrs({**strategy.attrs, **own})
    found = relaxations.tabulate([strategy, measured])
    assert found["model"].tolist() == ["strict", "relaxed", "relaxed"]
    assert found["relaxation"].tolist()[2] == "leak"
    assert found["mse_mean"].tolist()[:2] == [2.0, 2.0]
    assert found["strict_mse_mean"].tolist()[:2] == [4.0, 4.0]
    assert found["gamma_mean"].tolist()[2] == 0.5
    assert found["lambda_mean"].tolist()[2] == -0.25
    assert found["gamma_mean"].isna().tolist()[:2] == [True, True]


def test_the_figure_has_a_row_for_each_relaxation_and_skips_strict_models(history):
    figure = constraints.draw([cube(history)])
    gamma, multiplier, slack = figure.axes
    lines = {line.get_label(): line.get_ydata() for line in gamma.lines}
    assert np.allclose(lines["relaxed"], [1.0, 0.5]) and "strict" not in lines
    assert len(multiplier.lines) == len(gamma.lines) == len(slack.lines) + 3


@pytest.mark.law("evaluation/strict_error")
def test_the_strict_error_is_that_of_gamma_zero(tmp_path, sequences):
    torch.manual_seed(0)
    spec = {**MODEL, "relaxations": ["leak"]}
    model, plain = models.build(spec, 7), models.build(MODEL, 7)
    weights = model.state_dict()
    plain.load_state_dict({k: weights[k] for k in plain.state_dict()})
    split = sequences(split="test", pool="test")
    how = {"context": 3, "horizon": 2, "batch": 8}
    found = []
    for name, own, its in (("a", spec, model), ("b", MODEL, plain)):
        path = tmp_path / f"{name}.pt"
        described = {"model": own, "frame_size": 7}
        checkpoint.save(path, its.state_dict(), described, {})
        subject = Subject(path, None, split)
        found.append(strict_error.measure(subject, how))
        assert all(part.gamma == 1 for part in relaxations_of(subject.model).values())
    relaxed, strict = found
    expected = strict["squared_error"].values
    assert strict["squared_error_strict"].values == pytest.approx(expected)
    assert relaxed["squared_error_strict"].values == pytest.approx(expected, rel=1e-5)
    assert relaxed["squared_error"].values != pytest.approx(expected, rel=1e-2)
