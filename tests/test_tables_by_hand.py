"""What tables say of cubes in which every number is worked out in the comments."""

from __future__ import annotations

import json

import numpy as np
import pytest
import xarray as xr

import mock_builders
import mock_cubes
from fernn.evaluation import errors
from fernn.figures import camera_speed, length_generalization, training_speed
from fernn.tables import (
    _controls,
    _reproduction,
    action_recognition,
    forecasting_error,
    generalization,
    moving_mnist,
    seeds,
    velocity_mixing,
)
from fernn.tables._write import latex, markdown, page, save


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


def test_table_1_is_of_raw_errors_and_generalization_of_both():
    # seeds have the medians 0, 0 and 9 over samples: 0; samples over seeds 0, 9, 9: 9
    values = np.array([[0, 0, 9], [0, 9, 0], [9, 9, 9]])[..., None]
    made = cube(values, [(0, 0)] * 3, horizon=1)
    row = forecasting_error.tabulate([made]).iloc[0]
    assert row["mse_median"] == 0 and row["mse_mean"] == pytest.approx(50)
    # seeds 30, 30 and 90: deviations -20, -20 and 40, variance 2400 / 2
    assert row["mse_std"] == pytest.approx(1200**0.5)
    both = generalization.tabulate([made]).iloc[0]
    assert both["in_distribution"] == 5 and both["raw_in_distribution"] == 50
    far = made.assign_attrs(axis="length", horizon=1)
    raw, clipped = length_generalization.numbers([far])
    assert raw.quantity == "test MSE, frames 1 to 1" and raw.mean == pytest.approx(50)
    # the same seeds, clipped
    assert clipped.quantity == f"clipped {raw.quantity}"
    assert (clipped.mean, clipped.std) == pytest.approx((5, 12**0.5))
    longer = cube([[[1, 2]]], [(0, 0)], "length", horizon=1)
    row = generalization.tabulate([longer]).iloc[0]
    assert (row["length_1x"], row["raw_length_1x"]) == (1, 10)


def test_to_a_baseline_every_unseen_velocity_is_one_class():
    moves, values = [(0, 0), (0, 1), (0, 3)], [[[1], [2], [8]]]
    names = ("copy_last", "fernn_v2")
    made = cube(values, moves, "velocity", names, horizon=1, max_speed=0)
    table = generalization.tabulate([made]).set_index("model")
    columns = [f"velocity_{name}" for name in errors.CLASSES]
    np.testing.assert_array_equal(table.loc["copy last frame", columns], [1, 5, np.nan])
    np.testing.assert_array_equal(table.loc["FERNN-V2", columns], [1, 2, 8])
    columns = [f"raw_{column}" for column in columns]
    np.testing.assert_array_equal(table.loc["FERNN-V2", columns], [10, 20, 80])


def told(**errors) -> list[str]:
    """The sentence on errors of a model, a copy and an oracle."""
    models = {
        "m": mock_cubes.model("oracle net", 2, 1.0),
        "n": mock_cubes.model("other net", 2, 1.0),
        "copy": mock_cubes.baseline("copy"),
        "told": mock_cubes.baseline("moved", oracle=True),
    }
    rows = [("e", models[name], {"mse_mean": error}) for name, error in errors.items()]
    return _controls.note(rows, ["mse", "absent"])


def test_a_table_says_where_the_best_control_is_not_beaten():
    """By the best model; an oracle, which is told the answer, does not count."""
    assert told(m=3.0, n=1.0, copy=2.0, told=0.0) == []
    (sentence,) = told(m=3.0, n=4.0, copy=2.0, told=0.0)
    assert sentence.endswith(": e, mse (oracle net 3.00, copy 2.00).")
    assert told(m=2.0, copy=2.0) and told(m=np.inf, copy=2.0)
    assert told(m=2.0, told=0.0) == told(m=2.0, copy=np.nan) == told(copy=1.0) == []


@pytest.mark.parametrize(
    ("bag", "words"), [(0.5, ""), (0.9, "bag 0.900"), (0.8, "bag")]
)
def test_a_trained_control_counts_as_one_and_of_accuracies_more_is_better(bag, words):
    net, control = (mock_cubes.model(label, 2, 1.0) for label in ("net", "bag"))
    control["control"] = True
    rows = [("e", net, {"accuracy": 0.8}), ("e", control, {"accuracy": bag})]
    found = _controls.note(rows, ["accuracy"], more_is_better=True)
    assert bool(found) == bool(words) and words in "".join(found)
    assert not found or found[0].startswith("No model has a higher accuracy")


@pytest.mark.parametrize(
    ("table", "axis", "column"),
    [
        (forecasting_error, "in_distribution", "mse"),
        (generalization, "in_distribution", "in distribution"),
        (generalization, "length", "length 7x"),
        (generalization, "velocity", "velocity seen"),
        (velocity_mixing, "in_distribution", "mse"),
        (velocity_mixing, "length", "length 4x"),
        (moving_mnist, "image_quality", "mse"),
    ],
)
def test_every_table_of_errors_has_this_sentence(table, axis, column):
    made = mock_builders.BUILDERS[axis]()
    words = "No model has a smaller error"
    assert words not in " ".join(table.tabulate([made]).attrs["notes"])
    for name in ("squared_error", "mse"):  # as raw errors of a roll-out that diverged
        if name in made:
            made[name].loc[{"model": [*mock_cubes.TRAINED]}] = 1e9
    (sentence,) = (n for n in table.tabulate([made]).attrs["notes"] if words in n)
    both = table in (generalization, velocity_mixing)
    assert f", {'raw ' if both else ''}{column} (" in sentence
    assert "oracle" not in sentence


def test_every_seed_is_shown_and_its_geometric_mean_beside_the_mean():
    """Seeds 1, 4 and 16 times (2 + 4) / 2 = 3: mean 21, geometric mean 12."""
    values = np.array([1, 4, 16])[:, None, None] * [[2.0], [4.0]]
    names = ("grnn", "fernn_v2", "copy_last")
    made = cube(values, [(0, 0), (0, 1)], models=names, horizon=1, max_speed=0)
    made = made.assign_coords(seed=[0, 3, 7])
    grid = made.assign_attrs(axis="velocity", draw="grid")
    row = generalization.tabulate([made, grid]).set_index("model").loc["FERNN-V2"]
    assert row["seeds"] == 3 and row["in_distribution"] == 21
    assert row["in_distribution_geometric"] == pytest.approx(12)
    seen, unseen = row["velocity_seen_geometric"], row["velocity_unseen_geometric"]
    assert (seen, unseen) == (pytest.approx(8), pytest.approx(16))
    assert (row["velocity_seen"], row["velocity_unseen"]) == (14, 28)
    assert np.isnan(row["velocity_outside_geometric"])
    table = seeds.tabulate([made, grid])
    found = table[["seed", "model"]].agg(" ".join, axis=1).tolist()
    nets = ("G-RNN", "FERNN-V2")
    trained = [f"{seed} {label}" for seed in (0, 3, 7) for label in nets]
    assert found == [*trained[:2], "– copy last frame", *trained[2:]]
    own = table[table["model"] == "FERNN-V2"]
    assert own["in_distribution"].tolist() == [3, 12, 48]
    assert own["raw_in_distribution"].tolist() == [30, 120, 480]
    assert own["velocity_unseen"].tolist() == [4, 16, 64]


def test_a_page_leaves_out_the_columns_that_the_csv_alone_has(tmp_path):
    made = cube(np.ones((1, 1, 1)), [(0, 0)], horizon=1)
    table, path = generalization.tabulate([made]), tmp_path / "table.csv"
    save(table, path, {})
    columns = path.read_text().splitlines()[0].split(",")
    assert {"in_distribution_geometric", "raw_length_7x"} <= {*columns}
    for text in (markdown(table), page(table), latex(table)):
        assert "in distribution" in text and "length 7x median" in text
        head = text.split("Mean squared error")[0]
        assert "raw" not in head and "geometric" not in head


def test_a_diverged_seed_is_seen_and_moves_no_other():
    values = np.array([1.0, np.nan, 4.0])[:, None, None]
    made = cube(values, [(0, 0)], horizon=1)
    row = generalization.tabulate([made]).iloc[0]
    assert row["in_distribution"] == row["in_distribution_geometric"] == np.inf
    assert seeds.tabulate([made])["in_distribution"].tolist() == [1, np.inf, 4]


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
    # seeds 0.2, 0.2 and 0.1: s = 0.1 / √3, the half width 4.302653 s / √3
    ends = 1 / 6 - 0.4302653 / 3, 1 / 6 + 0.4302653 / 3
    assert (row["low"], row["high"]) == pytest.approx(ends)
    # all differences are positive: 2 / 2³; of two comparisons, twice
    assert row["p"] == 0.5 and row["least_p"] == 0.25
    # of five persons, no draw is below 0, a third has the first not at all
    assert row["these_networks_low"] == 0
    assert row["these_networks_high"] == pytest.approx(0.5, abs=0.01)
    twice = action_recognition.tabulate([camera(), camera()])
    assert set(twice["p"].dropna()) == {1.0}  # four comparisons in one table
    found = {n.model: (n.mean, n.std) for n in camera_speed.numbers([camera()])}
    assert found["FERNN-V2"] == (pytest.approx(0.2), pytest.approx(0))


def test_moving_mnist_stands_above_the_published_numbers():
    made = mock_cubes.image_quality()
    made["mse"].loc[{"model": "fernn_v2"}] = np.array([1.0, 2, 6])[:, None, None]
    made["mse"].loc[{"model": "copy_last"}] = 4.0
    # The last of five frames six times as large: their mean doubles.
    made["mse"].loc[{"model": "fernn_v2", "frame": 5}] *= 6
    made["mse"].loc[{"model": "grnn", "seed": 0}] = np.nan  # it diverged
    means = {"mae": [3, 3, 9], "ssim": [1, 0, 0.5], "psnr": [9, 6, 0]}
    for name, values in means.items():
        made[name].loc[{"model": "fernn_v2"}] = np.array(values)[:, None, None]
    others = {"SimVP": {"millions": 58.0, "mse_mean": 32.15, "mse_2000_epochs": 21.15}}
    known = {"name": "OpenSTL", "source": ["Published: there."], "others": others}
    made = made.assign_attrs(published=json.dumps(known))
    table = moving_mnist.tabulate([made])
    assert table.attrs["notes"][0].startswith("Ours are not the field's files")
    assert "Published: there." in table.attrs["notes"]
    rows = table.set_index("model")
    # of 1, 2 and 6: mean 3, variance (4 + 1 + 9) / 2; doubled
    own = rows.loc["FERNN-V2"]
    assert (own["mse_mean"], own["mse_std"]) == (6, pytest.approx(28**0.5))
    assert rows.loc["G-RNN"]["mse_mean"] == np.inf
    assert own["source"] == "ours, 3 seeds"
    assert own[["mae", "ssim", "psnr"]].tolist() == [5, 0.5, 5]
    assert (own["millions"], own["epochs"]) == (1305 / 1e6, 10)
    still = rows.loc["copy last frame"]
    assert still["source"] == "ours"
    assert still["mse_mean"] == 4 and np.isnan(still["mse_std"])  # it has no seeds
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
    words = "ours, 3 seeds, not comparable: test.frame_size 12 ≠ 64"
    assert small["source"].tolist()[:2] == [words, "ours, 3 seeds"]
    other = made.assign_attrs(experiment="another", title="Another")
    both = moving_mnist.tabulate([made, other])["source"]
    assert both.iloc[0] != both.iloc[len(mock_cubes.MODELS)]
    assert both.iloc[0].startswith("ours, ")


def mixing(copies=1) -> xr.Dataset:
    """Sequences of one frame, of which the first two change; of each, copies.

    Errors on these, clipped: of the small model 1, 1 and 2 on average in its three
    seeds, 2, 4 and 16 of the wide one, 1, 2 and 8 of the mixed one. Raw ones are ten
    times as large.
    """
    names = {
        name: mock_cubes.model(name, 2, 1.0, parameters=count)
        for name, count in (("mixed", 30), ("small", 10), ("wide", 20))
    }
    moves = [(0, 0)] * 4 * copies
    made = cube(np.ones((3, 4 * copies, 1)), moves, models=tuple(names), horizon=1)
    made = made.assign_attrs(models=json.dumps(names))
    # 5 observed frames, 0 … 4, and frame 5 to predict.
    made = made.assign_coords(first_change=("sample", [2, 5, 6, 20] * copies))
    for name, means in (
        ("small", (1, 1, 2)),
        ("wide", (2, 4, 16)),
        ("mixed", (1, 2, 8)),
    ):
        changing = np.outer(means, [0.5, 1.5, 0, 0])
        samples = np.tile(changing + np.array([0, 0, 1, 3]), copies)[..., None]
        made["clamped_squared_error"].loc[{"model": name}] = samples
        made["squared_error"].loc[{"model": name}] = 10 * samples
    return made


@pytest.mark.parametrize("copies", [1, 50])
def test_mixing_compares_models_whatever_the_number_of_sequences(copies):
    """Wide over small is 2, 4 and 8: logarithms of mean 2 ln 2 and s = ln 2.

    Mixed over small is 1, 2 and 4, half as much; a logarithm of 0 has either sign, so
    that twice as many choices are as far from zero. Mixed over wide is always 1/2.
    """
    table = velocity_mixing.tabulate([mixing(copies)])
    labels = ["mixed", "small", "wide", "wide", "mixed", "mixed"]
    assert table["model"].tolist() == labels
    models, pairs = table.iloc[:3].set_index("model"), table.iloc[3:]
    assert pairs["against"].tolist() == ["small", "small", "wide"]
    assert pairs["ratio"].tolist() == pytest.approx([4, 2, 0.5])
    half = 4.302653 / 3**0.5
    assert pairs["low"].tolist() == pytest.approx([4 * 2**-half, 2 * 2**-half, 0.5])
    assert pairs["high"].tolist() == pytest.approx([4 * 2**half, 2 * 2**half, 0.5])
    # 3 · 0.25; then at least as much: 2 · 0.25 of the last one, 0.5 of the second
    assert pairs["p"].tolist() == [0.75, 0.75, 0.75]
    assert set(pairs["least_p"]) == {0.25}
    assert models[["ratio", "p"]].isna().all(axis=None)
    assert pairs["mse_mean"].isna().all()
    wide = models.loc["wide"]
    assert (wide["changing"], wide["steady"]) == pytest.approx((22 / 3, 2))
    assert wide["mse_mean"] == pytest.approx(14 / 3)
    assert wide["raw_changing"] == pytest.approx(220 / 3)
    assert wide["raw_mse_mean"] == pytest.approx(140 / 3)


def test_mixing_tells_both_errors_of_each_kind_of_sequences():
    found = {(n.model, n.quantity): n for n in velocity_mixing.numbers([mixing()])}
    kinds = ("", ", sequences without a change", ", sequences with a change")
    words = [f"{begin}test MSE{kind}" for begin in ("", "clipped ") for kind in kinds]
    assert [quantity for model, quantity in found if model == "wide"] == words
    own = found["wide", "clipped test MSE, sequences with a change"]
    # of 2, 4 and 16: variance (28 + 11.1 + 75.1) / 2
    assert (own.mean, own.seeds) == (pytest.approx(22 / 3), 3)
    assert own.std == pytest.approx((172 / 3) ** 0.5)
    assert found["wide", "test MSE, sequences with a change"].mean == pytest.approx(
        220 / 3
    )


def test_without_changes_nothing_is_compared():
    made = mixing().assign_coords(first_change=("sample", [9] * 4))
    assert len(velocity_mixing.tabulate([made])) == 3


def test_training_ends_with_its_last_epoch():
    made = mock_cubes.curves()
    made["validation_error"].loc[{"model": "fernn_v2", "epoch": 10}] = [1.0, 2, 6]
    found = {n.model: (n.mean, n.std) for n in training_speed.numbers([made])}
    assert found["FERNN-V2"] == (3, pytest.approx(7**0.5))


def test_a_validation_error_tells_its_frames_and_whether_they_are_the_papers():
    first, *_ = training_speed.numbers([mock_cubes.curves()])
    words = "validation MSE after training, frames 1 to 20"
    assert first.quantity.startswith(f"{words} (published: ")
    first, *_ = training_speed.numbers([mock_cubes.curves(long_horizon=5)])
    assert first.quantity == "validation MSE after training, frames 1 to 5"


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
