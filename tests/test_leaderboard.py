"""The leaderboard: order, means, intervals and comparisons, by hand."""

import json

import numpy as np
import pytest

import mock_cubes
from fernn.evaluation import significance
from fernn.tables import leaderboard, leaderboard_tests


@pytest.fixture
def cube():
    """Of three seeds: of V1 those of the G-RNN in another order, of V2 a tenth."""
    cube = mock_cubes.in_distribution()
    error = cube["clamped_squared_error"]
    values = {"grnn": (0.1, 0.2, 0.4), "fernn_v1": (0.4, 0.1, 0.2)}
    values |= {"fernn_v2": (0.01, 0.02, 0.04), "copy_last": 3 * (0.15,)}
    values |= {"copy_moved": 3 * (0.0,)}
    for name, seeds in values.items():
        at = {"model": list(cube["model"].values).index(name)}
        error[at] = np.array(seeds)[:, None, None]
    return cube


def test_models_are_ranked_by_geometric_means_and_compared_in_pairs(cube):
    table = leaderboard_tests.tabulate([cube]).set_index("model")
    order = ["copy moved (oracle)", "FERNN-V2", "copy last frame", "G-RNN", "FERNN-V1"]
    assert table.index.tolist() == order and table["rank"].tolist() == [1, 2, 3, 4, 5]
    error, ratio = table["error"], table["ratio"]
    assert error["G-RNN"] == pytest.approx(0.2) == error["FERNN-V1"]  # (.008)^(1/3)
    # of logarithms in units of ln 2: -1, 0, 1; s 1; t(.975, 2) / √3 = 2.484138
    ends = 0.2 * 2.0 ** np.array([-2.484138, 2.484138])
    assert [table["low"]["G-RNN"], table["high"]["G-RNN"]] == pytest.approx(ends)
    assert ratio["FERNN-V2"] == pytest.approx(0.1)  # exactly so in each seed
    assert table["ratio_low"]["FERNN-V2"] == pytest.approx(0.1)
    # of signs of three seeds 2 of 8 are as far from no effect; two comparisons
    assert table["least_p"]["FERNN-V2"] == 0.25 and table["p"]["FERNN-V2"] == 0.5
    assert ratio["FERNN-V1"] == pytest.approx(1) and table["p"]["FERNN-V1"] == 1
    assert table["against"]["FERNN-V1"] == "G-RNN" and np.isnan(ratio["G-RNN"])
    assert table["seeds"].isna().tolist() == [True, False, True, False, False]


def test_a_control_that_no_model_beats_is_named(cube):
    """It is no oracle, and its error is less than those of all models."""
    said = "No model has a smaller error than the best control: "
    assert not any(
        said in note for note in leaderboard_tests.tabulate([cube]).attrs["notes"]
    )
    at = {"model": list(cube["model"].values).index("copy_last")}
    cube["clamped_squared_error"][at] = 0.005
    (told,) = [
        n for n in leaderboard_tests.tabulate([cube]).attrs["notes"] if said in n
    ]
    assert told.endswith(
        "in distribution, error (FERNN-V2 0.0200, copy last frame 5.0e-3)."
    )


def test_new_velocities_are_the_same_for_every_model():
    """Trained at speed 1, on a grid to speed 2: 16 of 25 are new, in V or not."""
    cube = mock_cubes.velocity()
    table = leaderboard_tests.tabulate([cube]).set_index("model")
    assert set(table["test"]) == {"new velocities"}
    speed = np.abs(cube.velocity_rows[:, 0]), np.abs(cube.velocity_columns[:, 0])
    new = np.maximum(*speed).values > 1
    frames = cube["clamped_squared_error"].sel(frame=slice(1, mock_cubes.HORIZON))
    for name, label in (("grnn", "G-RNN"), ("fernn_v2", "FERNN-V2")):
        seeds = frames.sel(model=name).isel(sample=new).mean(("sample", "frame"))
        expected = np.exp(np.log(seeds).mean())
        assert table["error"][label] == pytest.approx(float(expected))
    without = json.loads(cube.attrs["models"])
    without["grnn"]["velocities"] = []  # as a model without a flow
    same = leaderboard_tests.tabulate([cube.assign_attrs(models=json.dumps(without))])
    assert same.set_index("model")["error"]["G-RNN"] == table["error"]["G-RNN"]


def test_all_tests_of_the_table_are_one_family(cube):
    both = leaderboard_tests.tabulate([cube, mock_cubes.length()])
    assert list(dict.fromkeys(both["test"])) == ["in distribution", "1x", "4x", "7x"]
    pairs = both["p"].notna().sum()
    assert pairs == 2 * 4  # two models with the reference, four tests
    first = both[(both["test"] == "in distribution") & (both["model"] == "FERNN-V2")]
    assert first["p"].item() == min(1, pairs * 0.25)
    assert significance.holm([0.25] * 2) == [0.5, 0.5]


def test_classifiers_are_ranked_by_their_mistakes_by_hand():
    """Twenty clips at rest and twenty under a faster camera; V2 makes no mistake."""
    cube = mock_cubes.camera(match="epochs")
    right = {"grnn": (10, 5), "fernn_v1": (15, 10), "fernn_v2": (20, 20)}
    for name, counts in right.items():
        first = [index % 20 < counts[index // 20] for index in range(40)]
        cube["correct"].loc[{"model": name}] = np.array(first, float)
    table = leaderboard_tests.tabulate([cube]).set_index(["test", "model"])["error"]
    assert table["mistakes", "FERNN-V2"] == pytest.approx(0.5 / 21)
    assert table["mistakes", "G-RNN"] == pytest.approx(10.5 / 21)
    assert table["mistakes, faster camera", "G-RNN"] == pytest.approx(15.5 / 21)
    board = leaderboard.tabulate([cube]).set_index("model")
    assert board.index.tolist() == ["FERNN-V2", "FERNN-V1", "G-RNN"]
    assert board["mistakes"]["FERNN-V1"] == pytest.approx(5.5 / 10.5)
    assert set(board["budget"]) == {"equal epochs"}
