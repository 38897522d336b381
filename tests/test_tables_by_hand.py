"""What tables say of cubes in which every number is worked out in the comments."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

import mock_cubes
from fernn.evaluation import errors
from fernn.figures import camera_speed, length_generalization, training_speed
from fernn.tables import (
    _reproduction,
    action_recognition,
    forecasting_error,
    generalization,
    moving_mnist,
    velocity_mixing,
)


def cube(values, moves, axis="in_distribution", models=("fernn_v2",), **about):
    """Models with equal errors, (seed, sample, frame); unclipped ten times as large."""
    data = np.repeat(np.array(values, float)[None], len(models), axis=0)
    dims = ("model", "seed", "sample", "frame")
    made = xr.Dataset(
        {"squared_error": (dims, 10 * data), "clamped_squared_error": (dims, data)},
        coords={"model": [*models], "frame": np.arange(1, data.shape[-1] + 1)},
        attrs=mock_cubes.attrs(axis) | about,
    )
    for k, name in enumerate(("velocity_rows", "velocity_columns")):
        made[name] = (("sample", "digit"), np.array(moves)[:, [k]])
    return made


def test_table_1_is_of_unclipped_errors_and_generalization_of_clipped_ones():
    # seeds have the medians 0, 0 and 9 over samples: 0; samples over seeds 0, 9, 9: 9
    values = np.array([[0, 0, 9], [0, 9, 0], [9, 9, 9]])[..., None]
    made = cube(values, [(0, 0)] * 3, horizon=1)
    row = forecasting_error.tabulate([made]).iloc[0]
    assert row["mse_median"] == 0 and row["mse_mean"] == pytest.approx(50)
    # seeds 30, 30 and 90: deviations -20, -20 and 40, variance 2400 / 2
    assert row["mse_std"] == pytest.approx(1200**0.5)
    assert generalization.tabulate([made]).iloc[0]["in_distribution"] == 5
    far = made.assign_attrs(axis="length", horizon=1)
    (number,) = length_generalization.numbers([far])
    # the same seeds, clipped
    assert number.mean == pytest.approx(5) and number.std == pytest.approx(12**0.5)


def test_to_a_baseline_every_unseen_velocity_is_one_class():
    moves, values = [(0, 0), (0, 1), (0, 3)], [[[1], [2], [8]]]
    names = ("copy_last", "fernn_v2")
    made = cube(values, moves, "velocity", names, horizon=1, max_speed=0)
    table = generalization.tabulate([made]).set_index("model")
    columns = [f"velocity_{name}" for name in errors.CLASSES]
    np.testing.assert_array_equal(table.loc["copy last frame", columns], [1, 5, np.nan])
    np.testing.assert_array_equal(table.loc["FERNN-V2", columns], [1, 2, 8])


def camera() -> xr.Dataset:
    """FERNN-V1 and FERNN-V2 name the clips of the first of five persons alone.

    Of three seeds the last errs on them at velocity 0; the G-RNN always errs.
    """
    made = mock_cubes.camera(max_speed=0)
    right = np.zeros((3, 40))
    first = made["person"].values == 21
    right[:, first] = 1
    right[2, first & (made["velocity_columns"].values == 0)] = 0
    made["correct"].loc[{"model": "grnn"}] = 0
    for name in ("fernn_v1", "fernn_v2"):
        made["correct"].loc[{"model": name}] = right
    return made


def test_accuracies_and_their_tests():
    table = action_recognition.tabulate([camera()]).set_index("model")
    grnn, row = table.loc["G-RNN"], table.loc["FERNN-V2"]
    assert grnn["accuracy_mean"] == 0 and np.isnan(grnn["difference"])
    # seen: seeds 0.2, 0.2, 0; faster: 0.2; all velocities: (0.4 / 3 + 0.2) / 2
    assert row["accuracy_mean"] == pytest.approx(0.4 / 3)
    assert row["accuracy_std"] == pytest.approx(0.2 / 3**0.5)
    assert row["faster"] == pytest.approx(0.2)
    assert row["difference"] == pytest.approx(1 / 6)
    # no draw of five persons is below 0, a third has the first not at all
    assert row["low"] == 0 and row["high"] == pytest.approx(0.5, abs=0.01)
    # most seeds and velocities are right for four clips: 2 / 2⁴; of two models, twice
    assert row["p_mcnemar"] == pytest.approx(0.25) and row["p"] == 1
    found = {n.model: (n.mean, n.std) for n in camera_speed.numbers([camera()])}
    assert found["FERNN-V2"] == (pytest.approx(0.2), pytest.approx(0))


def test_moving_mnist_stands_above_the_published_numbers():
    made = mock_cubes.image_quality()
    made["mse"].loc[{"model": "fernn_v2"}] = np.array([1.0, 2, 6])[:, None, None]
    others = {"SimVP": {"millions": 58.0, "mse_mean": 32.15, "mse_2000_epochs": 21.15}}
    known = {"name": "OpenSTL", "source": ["Published: there."], "others": others}
    made = made.assign_attrs(published=json.dumps(known))
    table = moving_mnist.tabulate([made])
    assert "Published: there." in table.attrs["notes"]
    rows = table.set_index("model")
    # of 1, 2 and 6: mean 3, variance (4 + 1 + 9) / 2
    own = rows.loc["FERNN-V2"]
    assert (own["mse_mean"], own["mse_std"]) == (3, pytest.approx(7**0.5))
    assert own["source"] == "ours"
    theirs = table.iloc[-1]
    assert [theirs["model"], theirs["source"], theirs["epochs"]] == [
        "SimVP",
        "OpenSTL",
        200,
    ]
    assert theirs["mse_mean"] == 32.15 and theirs["mse_2000_epochs"] == 21.15
    models = json.loads(made.attrs["models"])
    models["grnn"]["differs"] = [["test.frame_size", 12, 64]]
    small = moving_mnist.tabulate([made.assign_attrs(models=json.dumps(models))])
    words = "ours, not comparable: test.frame_size 12 ≠ 64"
    assert small["source"].tolist()[:2] == [words, "ours"]


def test_mixed_models_are_corrected_for_their_number():
    """Two larger models: -3 and -1 on the sequences that change; see `test_tables`."""
    names = {
        name: mock_cubes.model(name, 2, 1.0, parameters=count)
        for name, count in (("small", 10), ("wide", 20), ("mixed", 30))
    }
    moves = [(0, 0)] * 4
    made = cube([[[4], [6], [1], [1]]] * 2, moves, models=tuple(names), horizon=1)
    made = made.assign_attrs(models=json.dumps(names))
    made = made.assign_coords(first_change=("sample", [2, 5, 6, 20]))
    for name in ("wide", "mixed"):
        samples = np.array([[1, 5, 1, 3], [1, 5, 1, 5]])[..., None]
        made["clamped_squared_error"].loc[{"model": name}] = samples
    small, *larger = velocity_mixing.tabulate([made]).to_dict("records")
    assert np.isnan(small["difference"])
    alone = 1 - 2 * np.arctan(2) / np.pi
    for row in larger:
        assert row["difference"] == pytest.approx(-2)
        assert row["p"] == pytest.approx(2 * alone)
    found = {(n.model, n.quantity): n.mean for n in velocity_mixing.numbers([made])}
    kinds = velocity_mixing.QUANTITIES
    assert found["mixed", kinds["changing"]] == 3
    assert found["mixed", kinds["steady"]] == 2.5  # seeds 2 and 3
    spread = {(n.model, n.quantity): n.std for n in velocity_mixing.numbers([made])}
    assert spread["mixed", kinds["steady"]] == pytest.approx(0.5**0.5)


def test_training_ends_with_its_last_epoch():
    made = mock_cubes.curves()
    made["validation_error"].loc[{"model": "fernn_v2", "epoch": 10}] = [1.0, 2, 6]
    found = {n.model: (n.mean, n.std) for n in training_speed.numbers([made])}
    assert found["FERNN-V2"] == (3, pytest.approx(7**0.5))


def test_a_published_number_is_missing_until_its_model_is_measured(tmp_path):
    from labrun.storage import write_dataset

    value = {"label": "FERNN-V2", "mean": 1.5e-4, "std": None}
    plan = {
        "paper": {"table_1": {"figures": [], "tables": ["forecasting_error"]}},
        "tables": {"forecasting_error": ["translation/in_distribution"]},
        "published": {
            "paper": {"shown": "forecasting_error", "values": {"fernn_v2": value}},
            "other": {"shown": "action_recognition", "values": {"grnn": value}},
        },
    }
    found = _reproduction.collect(plan, tmp_path)["table_1"]
    assert [(n.experiment, n.model, n.seeds) for n in found] == [
        ("translation", "–", 0),
        ("–", "FERNN-V2", 0),
    ]
    known = mock_cubes.published(fernn_v2=(1.5e-4, 2e-5))
    path = tmp_path / "cubes/translation/in_distribution.nc"
    path.parent.mkdir(parents=True)
    write_dataset(mock_cubes.in_distribution(**known), path)
    found = _reproduction.collect(plan, tmp_path)["table_1"]
    assert [n.model for n in found] == ["G-RNN", "FERNN-V1", "FERNN-V2"]  # no claim
    assert [n.published_mean for n in found][2] == 1.5e-4
    assert {n.seeds for n in found} == {3}
